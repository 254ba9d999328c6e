"""The three peers that are built on Django, each with the check that its documentation recommends."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.apps.django_settings")

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()

from django.http import HttpRequest, JsonResponse
from django.urls import path
from knox.auth import TokenAuthentication as KnoxAuthentication
from oauth2_provider.views import IntrospectTokenView
from oauth2_provider.views.generic import ProtectedResourceView
from rest_framework.authentication import BaseAuthentication, TokenAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Whose(APIView):
    """Whose token it is; the route chooses how it is checked."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        return Response({"id": request.user.pk, "username": request.user.get_username()})


class WhoseBearer(ProtectedResourceView):
    """The same with django-oauth-toolkit, which needs no REST framework."""

    def get(self, request: HttpRequest) -> JsonResponse:
        owner = request.resource_owner  # type: ignore[attr-defined]
        return JsonResponse({"id": owner.pk, "username": owner.get_username()})


def _whose(authentication: type[BaseAuthentication]):  # type: ignore[no-untyped-def]
    return Whose.as_view(authentication_classes=(authentication,))


urlpatterns = [
    path("drf", _whose(TokenAuthentication)),
    path("knox", _whose(KnoxAuthentication)),
    path("oauth", WhoseBearer.as_view()),
    path("introspect", IntrospectTokenView.as_view()),
]
