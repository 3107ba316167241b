"""The files that other services and people read: workflows, issue forms, citation, hooks, and the changelog."""

import re
from pathlib import Path

import pytest
from scripts.lock import pins

import microfer

check_jsonschema = pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed (dev.lock)")
yaml = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml, which check-jsonschema needs, is missing").YAML(
    typ="safe"
)
ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
TEMPLATES = GITHUB / "ISSUE_TEMPLATE"
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
"""What Keep a Changelog calls them."""


def is_valid(schema: str, *files: Path) -> bool:
    """Whether the files keep to a schema that check-jsonschema brings along; nothing is fetched."""
    arguments = ["--builtin-schema", f"vendor.{schema}", "--default-filetype", "yaml", *map(str, files)]
    return check_jsonschema.main(arguments, standalone_mode=False) == 0


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", sorted((GITHUB / "workflows").glob("*.yml"))),
        ("github-issue-forms", sorted(set(TEMPLATES.glob("*.yml")) - {TEMPLATES / "config.yml"})),
        ("github-issue-config", [TEMPLATES / "config.yml"]),
        ("citation-file-format", [ROOT / "CITATION.cff"]),
    ],
)
def test_what_github_reads_keeps_to_its_schema(schema: str, files: list[Path], tmp_path: Path) -> None:
    assert files
    assert is_valid(schema, *files)
    (tmp_path / "broken.yml").write_text(files[0].read_text() + "\nunheard_of: {}\n")
    assert not is_valid(schema, tmp_path / "broken.yml")


def test_the_workflow_runs_what_people_run() -> None:
    jobs = yaml.load((GITHUB / "workflows" / "ci.yml").read_text())["jobs"]
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert commands["linux"] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    (host,) = commands["host"]
    assert all((ROOT / path).exists() for path in re.findall(r"\S+/\S+", host))
    systems = {name.split("-")[0] for name in jobs["host"]["strategy"]["matrix"]["os"]}
    assert systems == {"macos", "windows"}


def test_the_hooks_are_those_that_the_tests_run() -> None:
    config = yaml.load((ROOT / ".pre-commit-config.yaml").read_text())
    revisions = {repo["repo"].rsplit("/", 1)[1]: repo["rev"] for repo in config["repos"]}
    assert {hook["id"] for repo in config["repos"] for hook in repo["hooks"]} == {
        "ruff-check",
        "ruff-format",
        "clang-format",
    }
    locked = pins((ROOT / "requirements" / "dev.lock").read_text())["ruff"].split(" ")[0]
    assert revisions["ruff-pre-commit"] == locked.replace("ruff==", "v")
    assert revisions["mirrors-clang-format"].startswith("v14.")  # tests/firmware want version 14


def test_the_changelog_has_the_version_and_the_usual_kinds() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$", text, re.MULTILINE)
    assert versions == ["Unreleased", *sorted(versions[1:], reverse=True)]
    assert microfer.__version__ in versions
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= KINDS
    assert len(re.findall("^## ", text, re.MULTILINE)) == len(versions)


def test_every_path_that_the_guide_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:host|firmware|scripts|tests|docs|measurements|\.github|\.ci)/[\w./-]*)`", text)
    linked = re.findall(r"\]\(([\w./-]+?)(?:#[\w-]+)?\)", text)
    assert len(named) > 10
    assert [path for path in named + linked if "NAME" not in path and not (ROOT / path).exists()] == []
