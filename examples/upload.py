"""Takes an upload of any kind and answers with its length and SHA-256. Run: ./waitress-serve --port=8080 examples.upload:app

Then: curl --data-binary @somefile http://localhost:8080/
The body has arrived whole before the app runs, in memory or in a temporary file: a slow client holds no thread.
"""
import hashlib


def app(environ, start_response):
    if environ["REQUEST_METHOD"] not in ("POST", "PUT"):
        start_response("405 Method Not Allowed", [("Allow", "POST, PUT"), ("Content-Length", "0")])
        return []
    digest, length = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(65536):
        digest.update(block)
        length += len(block)
    body = f"{length} bytes, SHA-256 {digest.hexdigest()}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
