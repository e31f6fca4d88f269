"""Bad keywords are one ValueError that names them all."""
from hello import app
from waitress import serve

try:
    serve(app, threads="many", port=70000, nonsense=1)
except ValueError as error:
    print([name in str(error) for name in ("threads", "port", "nonsense")])
try:
    serve(app, host="127.0.0.1", listen="127.0.0.1:0")
except ValueError as error:
    print("listen" in str(error) and "host" in str(error))
try:
    serve(None)
except ValueError as error:
    print("None" in str(error))
