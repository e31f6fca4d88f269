"""A Django project in one file. Run: ./waitress-serve --port=8080 examples.django_app:app"""
import secrets

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1", "[::1]"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(48),  # new at each start; a real project reads it from the environment
)


def index(request):
    return JsonResponse({"hello": request.GET.get("name", "world"), "path": request.path})


urlpatterns = [path("", index)]
app = get_wsgi_application()
