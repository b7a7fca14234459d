# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates of `page/`, all with autoescape: what a campaign or a study says is text."""

from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

FOLDER = "page"


@cache
def environment() -> Environment:
    return Environment(
        loader=PackageLoader("percast.tools.pages", FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_template(name: str, **values: object) -> Markup:
    """The template `page/NAME`, with values that it escapes."""
    return Markup(environment().get_template(name).render(**values))


@cache
def text_of(name: str) -> str:
    """The text of `page/NAME` as it is."""
    return (resources.files("percast.tools.pages") / FOLDER / name).read_text("utf-8")
