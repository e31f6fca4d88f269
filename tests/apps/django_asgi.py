"""The Django app of django_app.py as an asynchronous one."""
import django_app
from django.core.asgi import get_asgi_application

urlpatterns = django_app.urlpatterns
app = get_asgi_application()
