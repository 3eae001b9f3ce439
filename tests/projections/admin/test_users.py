"""The link on the pages of users, which other admins own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def page_of(user: Any) -> str:
    model = type(user)
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[user.pk])


@pytest.fixture(autouse=True)
def with_the_template_of_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    of_users = admin.site.get_model_admin(get_user_model())
    monkeypatch.setattr(of_users, "change_form_template", "admin/projections/user_change_form.html")


def test_the_page_of_a_user_links_to_their_timeline(admin_client: Client, user: Any) -> None:
    assert f"{reverse('admin:presence_timeline')}?user={user.pk}" in admin_client.get(page_of(user)).content.decode()


def test_there_is_no_link_without_permission_to_view_stays(operator: Callable[..., Client], user: Any) -> None:
    model = type(user)
    client = operator(f"{model._meta.app_label}.view_{model._meta.model_name}")
    page = client.get(page_of(user))
    assert page.status_code == 200
    assert "?user=" not in page.content.decode()
