"""Every page and picture that a page leads to is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def pages() -> list[str]:
    done = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.split() or [path.relative_to(ROOT).as_posix() for path in ROOT.glob("**/*.md")]


@pytest.mark.parametrize("page", pages())
def test_every_link_of_a_page_leads_somewhere(page: str) -> None:
    path = ROOT / page
    targets = [target.split("#")[0] for target in LINK.findall(path.read_text()) if "://" not in target]
    missing = [target for target in targets if target and not (path.parent / target).exists()]
    assert missing == [], f"{page} leads to what is not there"
