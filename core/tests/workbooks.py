"""Makes small Excel workbooks by hand, so that the tests need no library to write them."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_RELS}">'
    f'<Relationship Id="r1" Type="{_DOC}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_DOC}">'
    '<sheets><sheet name="Leads" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELS}">'
    f'<Relationship Id="r1" Type="{_DOC}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="r2" Type="{_DOC}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/>'
    '<xf numFmtId="22"/></cellXfs></styleSheet>',
}
DATE, MOMENT = ' s="1"', ' s="2"'


def cell(name: str, value: str | float | bool, *, style: str = "", formula: str = "", error: str = "") -> str:
    """One cell; a ``formula`` has ``value`` as its stored result."""
    made = f"<f>{formula}</f>" if formula else ""
    if error:
        return f'<c r="{name}" t="e">{made}<v>{error}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{name}" t="b">{made}<v>{int(value)}</v></c>'
    if isinstance(value, str) and not formula:
        return f'<c r="{name}" t="inlineStr"><is><t>{value}</t></is></c>'
    kind = ' t="str"' if isinstance(value, str) else ""
    return f'<c r="{name}"{kind}{style}>{made}<v>{value}</v></c>'


def workbook(path: Path, *rows: str, first: int = 1, extra: str = "", more: dict[str, bytes] | None = None) -> Path:
    """Write a workbook of one sheet; each row is its cells."""
    lines = "".join(f'<row r="{number}">{cells}</row>' for number, cells in enumerate(rows, first))
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData>{extra}</worksheet>'
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, text in {**_PARTS, "xl/worksheets/sheet1.xml": sheet}.items():
            archive.writestr(name, '<?xml version="1.0" encoding="UTF-8"?>' + text)
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return path
