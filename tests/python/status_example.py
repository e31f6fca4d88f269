"""What /status.json says, by its documentation."""
import json
import os

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "status.md")


def example():
    """The one of the documentation."""
    with open(DOCS, encoding="utf-8") as file:
        status = json.loads(file.read().split("```json\n")[1].split("```")[0])
    status["in_flight"]["requests"].append({**status["in_flight"]["requests"][0], "id": 5, "age": 0.1, "path": "/young"})
    return status
