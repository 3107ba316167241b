"""A parity certificate as one HTML page that needs nothing else: tables, pictures inside, no script."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

from matplotlib.figure import Figure

from microfer.contract import CROP_SIZE
from microfer.metrics.plots import confusion_figure, histogram_figure, noise_figure, png
from microfer.parity.board_level import TIMES_NOTE, BoardLevel
from microfer.parity.certificate import Certificate, Level, Model
from microfer.parity.compare import Accuracy, BitComparison, ScoreComparison

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: .2rem; } h2 { margin-top: 2.4rem; border-bottom: 1px solid #e4e7eb; padding-bottom: .3rem; }
table { border-collapse: collapse; margin: .8rem 0; } th, td { padding: .25rem .9rem .25rem 0; text-align: right; }
th { color: #52606d; font-weight: 600; border-bottom: 1px solid #cbd2d9; } tr > :first-child { text-align: left; }
table.facts td, table.facts th { text-align: left; border: 0; vertical-align: top; }
code { font-size: .85em; overflow-wrap: anywhere; } img { max-width: 100%; height: auto; }
.verdict { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; color: white; font-weight: 700; }
.passed { background: #2f855a; } .failed { background: #c53030; } .not { background: #b7791f; }
.note { border-left: 4px solid #d9822b; padding: .3rem .9rem; background: #fff8ec; }
"""


def render(certificate: Certificate) -> str:
    """Return the page as HTML text. The same certificate gives the same text."""
    name = certificate.model.model_id or certificate.model.file
    overall = "passed" if certificate.passed else "failed" if certificate.failed else "not judged"
    parts = [
        f"<h1>Parity certificate: {escape(name)}</h1>",
        f"<p>{_badge(overall)} on {escape(certificate.images.describe())}.</p>",
        *(f"<p>{_badge(one.verdict)} on the board: {escape(one.board.describe())}.</p>" for one in certificate.boards),
        "" if certificate.complete else _note("This certificate is incomplete: see what was not judged or not run."),
        _facts(certificate),
        "<h2>Float against int8</h2>",
        _level(certificate.float_against_int8, certificate.images.per_class),
        _noise(certificate),
        "<h2>LiteRT's reference kernels against TFLM</h2>",
        _level(certificate.reference_against_tflm, certificate.images.per_class),
        _boards(certificate.boards),
        "<h2>What this depends on</h2>",
        _versions(certificate),
    ]
    title = escape(f"Parity: {name}")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(filter(None, parts)) + "\n</body>\n</html>\n"
    )


def _facts(certificate: Certificate) -> str:
    limits = certificate.limits
    return _fact_table(
        [
            ("int8 model", _model(certificate.model)),
            ("float model", _model(certificate.float_model) if certificate.float_model else "none"),
            ("images", escape(certificate.images.describe())),
            ("per class", ", ".join(f"{n} {k}" for k, n in certificate.images.per_class.items())),
            (
                "limits",
                f"int8 loses at most {limits.drop_points:g} points, float and int8 agree on at least "
                f"{100 * limits.agreement:g} %, TFLM differs on at most {limits.mismatches} images",
            ),
        ]
    )


def _model(model: Model) -> str:
    identity = f" ({escape(model.model_id)})" if model.model_id else ""
    return f"{escape(model.file)}{identity}, {model.size_bytes:,} bytes, SHA-256 <code>{escape(model.sha256)}</code>"


def _level(level: Level, labels: Iterable[str]) -> str:
    lines = [f"<p>{_badge(level.verdict)}</p>", *(_note(escape(reason) + ".") for reason in level.reasons)]
    match level.result:
        case ScoreComparison():
            lines.append(_scores(level.result))
        case BitComparison():
            lines.append(_bits(level.result, labels))
    return "\n".join(lines)


def _scores(result: ScoreComparison) -> str:
    facts = [
        ("float accuracy", _accuracy(result.float_accuracy, result.count)),
        ("int8 accuracy", _accuracy(result.int8_accuracy, result.count)),
        ("drop", f"{result.drop_points:+.2f} points (McNemar's exact test: p = {result.mcnemar_p:.3g})"),
        ("top-1 agreement", f"{100 * result.agreement:.2f} %"),
        ("mean probability difference", f"{result.mean_difference:.5f}"),
        ("largest", f"{result.largest_difference:.4f} on image {result.largest_index} ({escape(result.largest_name)})"),
    ]
    rows = [
        [
            one.label,
            f"{one.support:,}",
            *(_percent(rate) for rate in (one.float_recall, one.int8_recall, one.agreement)),
            "–" if one.mean_difference is None else f"{one.mean_difference:.5f}",
        ]
        for one in result.per_class
    ]
    header = ["true class", "images", "float recall", "int8 recall", "agreement", "mean difference"]
    top1 = confusion_figure(
        result.top1,
        "Top-1: float against int8",
        "float says",
        "int8 says",
        [one.label for one in result.per_class],
    )
    histogram = result.to_json()
    differences = histogram_figure(
        histogram["histogram"],
        histogram["histogram_bin_width"],
        "Largest probability difference of an image",
        "difference",
        "images",
    )
    return "\n".join([_fact_table(facts), _table(header, rows), _picture(top1), _picture(differences)])


def _bits(result: BitComparison, labels: Iterable[str], expected: str = "LiteRT reference", found: str = "TFLM") -> str:
    facts = [
        ("equal, bit for bit", f"{result.equal:,} of {result.count:,} images"),
        ("largest difference", f"{result.largest_difference} int8 steps (1/256 each)"),
    ]
    if result.first is None:
        return _fact_table(facts)
    first = result.first
    facts.append(("first difference", f"image {first.index} ({escape(first.name)})"))
    rows = [[expected, *map(str, first.expected)], [found, *map(str, first.found)]]
    return _fact_table(facts) + _table(["raw output", *labels], rows)


def _boards(boards: Sequence[BoardLevel]) -> str:
    if not boards:
        return ""
    return "\n".join(["<h2>Boards against TFLM</h2>", *map(_board, boards), _note(TIMES_NOTE)])


def _board(level: BoardLevel) -> str:
    times, link = level.times, level.link
    facts = [
        ("firmware", f"{escape(level.board.firmware_version)}, protocol version {level.board.protocol_version}"),
        ("images", escape(level.images.describe())),
    ]
    times_head = ["one run of the network", "least", "median", "95th percentile", "99th percentile", "most"]
    times_row = ["by the board's clock", *(f"{time_us / 1000:,.1f} ms" for time_us in vars(times).values())]
    link_head = ["the link", "sent again", "losses", "board restarts", "frames missed", "damaged", "sittings"]
    link_row = ["times", *(f"{count:,}" for count in vars(link).values())]
    return "\n".join(
        [
            f"<h3>{escape(level.board.board)} ({escape(level.board.kernels)})</h3>",
            f"<p>{_badge(level.verdict)}</p>",
            *(_note(escape(reason) + ".") for reason in level.reasons),
            _fact_table(facts),
            _bits(level.bits, level.images.per_class, level.oracle_name, "the board"),
            _crop(level),
            _table(times_head, [times_row]),
            _table(link_head, [link_row]),
        ]
    )


def _crop(level: BoardLevel) -> str:
    if level.picture_png is None:
        return ""
    side = CROP_SIZE * 6
    return (
        f'<p><img style="image-rendering: pixelated" width="{side}" height="{side}" alt="the first crop that differs" '
        f'src="data:image/png;base64,{escape(level.picture_png)}"></p>'
    )


def _noise(certificate: Certificate) -> str:
    if certificate.noise_missing:
        return _note(f"The layer at fault could not be found: {escape(certificate.noise_missing)}.")
    if not certificate.noise:
        return ""
    return _picture(noise_figure(certificate.noise, "Signal to quantization noise, layer by layer"))


def _versions(certificate: Certificate) -> str:
    kernels = [(f"{what} runs in", escape(name or "not run")) for what, name in certificate.kernels.items()]
    return _fact_table([*kernels, *((k, escape(v or "not installed")) for k, v in certificate.versions.items())])


def _accuracy(accuracy: Accuracy, count: int) -> str:
    return (
        f"{100 * accuracy.rate:.2f} % ({accuracy.correct:,} of {count:,}; 95 % interval "
        f"{100 * accuracy.low:.2f} to {100 * accuracy.high:.2f} %)"
    )


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.1f} %"


def _badge(verdict: str) -> str:
    return f'<span class="verdict {verdict.split(maxsplit=1)[0]}">{verdict}</span>'


def _note(html: str) -> str:
    return f'<p class="note">{html}</p>'


def _fact_table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of names and values; a value is HTML."""
    body = "".join(f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in rows)
    return f'<table class="facts">{body}</table>'


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _picture(figure: Figure) -> str:
    return f'<p><img alt="" src="data:image/png;base64,{base64.b64encode(png(figure)).decode()}"></p>'
