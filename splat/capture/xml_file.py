"""XML files of unknown origin."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from splat.errors import SplatError
from splat.files import read_text


def read_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file.

    Document types, and with them entities, which can blow up a few bytes to gigabytes or name other files, are refused.

    Raises:
        SplatError: the file cannot be read, is no XML, or has a document type.
    """
    text = read_text(path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SplatError(f"{path} declares a document type, which is not read; remove its <!DOCTYPE ...> line")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise SplatError(f"{path} is no valid XML ({error}); it may be cut short: export it again") from error
