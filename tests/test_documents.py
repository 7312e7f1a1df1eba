"""What the papers at the top of the tree say is true of the tree."""

import re
import tomllib

import pytest
import yaml

from tests import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = dict(part.split("\n", 1) for part in CONTRIBUTING.split("\n## ")[1:])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def code_in(text):
    """What stands between backticks, but for blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))


def paths_in(text):
    links = re.findall(r"\]\(([^):]+)\)", text)
    return [
        code for code in code_in(text) if re.fullmatch(r"[\w./-]+(/|\.(py|md|yaml))", code)
    ] + links


@pytest.mark.parametrize("path", sorted(set(paths_in(CONTRIBUTING))))
def test_what_contributing_names_exists(path):
    assert (ROOT / path).exists()


def test_the_targets_that_contributing_names_exist():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"\bmake ([a-z-]+)", CONTRIBUTING)) <= set(targets)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_names_a_test_and_what_is_in_the_files_that_it_names(recipe):
    paths = paths_in(RECIPES[recipe])
    assert any(path.startswith("tests/") for path in paths)
    text = "".join((ROOT / path).read_text() for path in paths if (ROOT / path).is_file())
    names = [code for code in code_in(RECIPES[recipe]) if re.fullmatch(r"[\w.\"]+", code)]
    assert [name for name in names if name not in paths and name.split(".")[-1] not in text] == []


def test_the_licence_and_the_version_are_those_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["license"], citation["version"]) == (PROJECT["license"], PROJECT["version"])
    assert PROJECT["license"] == "Apache-2.0"
    assert PROJECT["license-files"] == ["LICENSE"]
    assert (
        "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()
    )


def test_the_changelog_begins_with_what_is_not_released():
    headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert headings[0] == "[Unreleased]"


def test_pre_commit_runs_the_checks_of_make_lint():
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)[1]
    recipe = recipe.replace("$(PYTHON_IN_VENV)", ".venv/bin/python")
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == [
        line.strip("\t@") for line in recipe.splitlines()
    ]
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}  # nothing to download
