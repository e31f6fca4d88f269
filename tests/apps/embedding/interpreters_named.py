"""serve() takes the app of worker class interpreter by its name, and only that class takes a name."""
import waitress
from hello import app

for wanted, settings in ((app, {"worker_class": "interpreter"}), ("hello:app", {})):
    try:
        waitress.create_server(wanted, listen="127.0.0.1:0", **settings)
    except ValueError as error:
        print(type(error).__name__, "name" in str(error))
