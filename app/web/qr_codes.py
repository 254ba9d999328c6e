"""QR codes as the path of an SVG drawing: what a template needs, without a style or a script."""

from dataclasses import dataclass


@dataclass(frozen=True)
class QrCode:
    """`size`: of the square, margin included, in the units of `path` (SVG 1.1, section 8.3)."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """The text, with the margin of four modules that readers need (ISO/IEC 18004)."""
    import segno  # at the first one: most workers never draw any

    code = segno.make(text, error="m", micro=False)
    rows = [bytes(row) for row in code.matrix_iter(scale=1, border=4)]
    return QrCode(len(rows), "".join(_path_of(y, row) for y, row in enumerate(rows)))


def _path_of(y: int, row: bytes) -> str:
    """One line for each run of dark modules."""
    text, x = "", 0
    while x < len(row):
        end = x
        while end < len(row) and row[end]:
            end += 1
        if end > x:
            text += f"M{x} {y}h{end - x}v1h-{end - x}z"
        x = end + 1
    return text
