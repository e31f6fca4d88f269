"""Django in one file: CSRF-protected form, signed-cookie session, upload, FileResponse, StreamingHttpResponse, JSON."""
import hashlib
import io
import json
import os

from django.conf import settings

settings.configure(
    DEBUG=False, SECRET_KEY="only for tests", ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, USE_TZ=True,
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies", FILE_UPLOAD_MAX_MEMORY_SIZE=10_000,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
                "django.middleware.csrf.CsrfViewMiddleware"])

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import FileResponse, HttpResponse, JsonResponse, StreamingHttpResponse  # noqa: E402
from django.middleware.csrf import get_token  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402

import web  # noqa: E402


def index(request):
    return HttpResponse("Hello from Django")


def form(request):
    if request.method == "POST":
        request.session["name"] = request.POST["name"]
        return HttpResponse(status=303, headers={"Location": "/who"})
    return HttpResponse(get_token(request), content_type="text/plain")


def who(request):
    return HttpResponse(request.session.get("name", "nobody"))


@csrf_exempt
def upload(request):
    file = request.FILES["file"]
    sha = hashlib.sha256()
    for block in file.chunks():
        sha.update(block)
    return JsonResponse({"name": file.name, "length": file.size, "sha256": sha.hexdigest(), "note": request.POST["note"]})


@csrf_exempt
def as_json(request):
    return JsonResponse({"doubled": [2 * number for number in json.loads(request.body)["numbers"]]})


def stream(request):
    return StreamingHttpResponse(("%s %d\n" % (request.GET["word"], number) for number in range(1000)), content_type="text/plain")


def static(request, name):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "static")
    return FileResponse(open(os.path.join(folder, os.path.basename(name)), "rb"))


def memory(request):
    return FileResponse(io.BytesIO(web.pattern(1_000_000)), as_attachment=True, filename="pattern.bin")


def broken(request):
    raise RuntimeError("broken view")


urlpatterns = [path("", index), path("form", form), path("who", who), path("upload", upload), path("json", as_json),
               path("stream", stream), path("static/<name>", static), path("memory", memory), path("broken", broken)]
app = get_wsgi_application()
