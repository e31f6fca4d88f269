"""Sends a file that Python never copies. Run: ./waitress-serve --port=8080 examples.file_download:app"""
import os

PATH = os.path.abspath(__file__)


def app(environ, start_response):
    file = open(PATH, "rb")
    start_response("200 OK", [
        ("Content-Type", "application/octet-stream"),
        ("Content-Disposition", f'attachment; filename="{os.path.basename(PATH)}"'),
        ("Content-Length", str(os.fstat(file.fileno()).st_size)),
    ])
    # The server reads the file by itself and closes it when the last byte is sent or the client has gone.
    return environ["wsgi.file_wrapper"](file)
