"""The image's id stands for everything in it, and nothing unsigned gets in."""

from dataclasses import replace

from fleet.paths import project_root
from fleet.render import TreeRenderer
from lab.image.recipe import Recipe

ONLY_ON_AWS = {"route53"}


def test_the_same_recipe_has_the_same_id() -> None:
    assert Recipe().image_id() == Recipe().image_id()


def test_any_change_makes_another_image() -> None:
    recipe = Recipe()
    others = [
        replace(recipe, packages=(*recipe.packages, "cowsay")),
        replace(recipe, masked_units=recipe.masked_units[1:]),
        replace(recipe, files={**recipe.files, "etc/motd": "hello"}),
        replace(recipe, mirror="http://mirror.example/debian"),
        replace(recipe, format=recipe.format + 1),
    ]
    assert len({recipe.image_id(), *(other.image_id() for other in others)}) == len(others) + 1


def test_every_archive_must_be_signed_by_debian() -> None:
    lines = Recipe().sources().splitlines()
    assert len(lines) == 3
    assert all("signed-by=/usr/share/keyrings/debian-archive-keyring.gpg" in line for line in lines)
    assert not any("trusted" in line for line in lines)


def test_the_image_has_what_every_role_needs_because_a_lab_reaches_no_mirror() -> None:
    renderer = TreeRenderer(project_root() / "templates")
    roles = [role for role in renderer.roles() if role not in ONLY_ON_AWS]
    assert set(renderer.packages(roles)) <= set(Recipe().packages)
