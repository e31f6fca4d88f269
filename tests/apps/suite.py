"""The app most tests talk to. Valid apps run under wsgiref.validate; those that break PEP 3333 or that need what the
validator hides (the file wrapper, seek) run bare."""
from wsgiref.validate import validator

import bodies
import echo
import files
import mistakes
import processes
import waits

VALID = {**echo.VALID, **bodies.VALID, **waits.VALID, **processes.VALID}
BARE = {**echo.BARE, **bodies.BARE, **files.BARE, **mistakes.BARE}

ROUTES = {**{path: validator(each) for path, each in VALID.items()}, **BARE}


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if not path.startswith("/"):  # OPTIONS *: the validator does not know it
        return echo.environment(environ, start_response)
    if environ["SCRIPT_NAME"]:  # the tests of --url-prefix look at nothing else
        return ROUTES["/environ"](environ, start_response)
    route = ROUTES.get(path)
    if route is None:
        route = ROUTES["/environ"] if path.startswith("/any") else ROUTES["/"]
    return route(environ, start_response)
