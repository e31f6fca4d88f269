"""A Falcon app: media, raw stream, generator, error."""
import hashlib
from wsgiref.validate import validator

import falcon


class Index:
    def on_get(self, request, response):
        response.text = "Hello from Falcon"


class Json:
    def on_post(self, request, response):
        response.media = {"doubled": [2 * number for number in request.media["numbers"]]}


class Stream:
    def on_get(self, request, response):
        word = request.get_param("word").encode()
        response.content_type = "text/plain"
        response.stream = (b"%s %d\n" % (word, number) for number in range(1000))

    def on_put(self, request, response):
        data = request.bounded_stream.read()
        response.media = {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


falcon_app = falcon.App()
falcon_app.add_route("/", Index())
falcon_app.add_route("/json", Json())
falcon_app.add_route("/stream", Stream())
app = validator(falcon_app)
