"""A Flask app with a form and a session. Run: ./waitress-serve --port=8080 examples.flask_app:app"""
import secrets

from flask import Flask, redirect, render_template_string, request, session, url_for

PAGE = """<!doctype html>
<title>Guest book</title>
<form method="post"><input name="line" maxlength="200" required> <button>Sign</button></form>
<ul>{% for line in lines %}<li>{{ line }}</li>{% endfor %}</ul>
"""

app = Flask(__name__)
# New at each start, so sessions end with the server; an app that must keep them reads its key from the environment.
app.secret_key = secrets.token_bytes(32)


@app.get("/")
def show():
    return render_template_string(PAGE, lines=session.get("lines", []))


@app.post("/")
def sign():
    # The session lives in a cookie of at most 4 KB: the last ten lines only.
    session["lines"] = [*session.get("lines", []), request.form["line"][:200]][-10:]
    return redirect(url_for("show"))
