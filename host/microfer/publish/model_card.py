"""The page that goes with a released model, written from its measured figures alone.

Its shape follows Mitchell et al. 2019, "Model Cards for Model Reporting" (arXiv:1810.03993).
"""

from collections.abc import Mapping
from typing import Any

from microfer.contract import MIN_CLASSES
from microfer.cost.own_kernels import OwnKernels
from microfer.cost.report import rates
from microfer.parity.limits import Limits
from microfer.publish.private_scores import private_score
from microfer.release import FLOAT_FILE

THESIS = (
    "S. Zima, *Creating a Python-based Automated System for Recognizing Emotions from Facial Expressions*, "
    "bachelor's thesis, Brno University of Technology, 2024"
)

_MADE = 'the model card, "How it was made"'


def render(metrics: dict[str, Any]) -> str:
    """Return the model card as Markdown, from the content of the release's `metrics.json`."""
    return "\n".join(
        (
            f"# Model card: {metrics['model_id']}",
            "",
            "Written by `scripts/release.py` from `metrics.json`. The commands below print these figures again.",
            "",
            *_what_it_is(metrics),
            *_figures(metrics),
            *_per_class(metrics),
            *_confidence(metrics["calibration"]),
            *_robustness(metrics),
            *_commands(metrics),
            *_use(metrics["int8"]),
            *_data_faults(metrics),
            "",
        )
    )


def figures_table(metrics: dict[str, Any]) -> list[str]:
    """Return the headline figures as the lines of a Markdown table, each row with the command that prints it."""
    int8, before = metrics["int8"], metrics["float"]
    parity = metrics["parity"]
    model = f"models/{metrics['model_id']}"
    evaluate = f"`microfer evaluate {model}/model.tflite --data PATH`"
    least = metrics["quantization"]["limits"]["agreement"]
    gate = f" --min-agreement {least:g}" if least != Limits().agreement else ""
    parity_command = f"`microfer parity --int8 {model}/model.tflite --data PATH{gate}`"
    gzipped = metrics["bytes"]
    return [
        "| figure, on PublicTest (which was selected on) | value | command |",
        "|---|---|---|",
        f"| accuracy, int8 in LiteRT's reference kernels | {_percent(int8['accuracy'])} "
        f"(95 % interval {_percent(int8['accuracy_low'])} to {_percent(int8['accuracy_high'])}) | {evaluate} |",
        f"| without the {int8['images_also_in_training']} images that are also in Training | "
        f"{_percent(int8['without_images_also_in_training']['accuracy'])} | the same |",
        f"| macro-F1, int8 | {int8['macro_f1']:.3f} | the same |",
        *_private_rows(metrics, evaluate.rstrip("`")),
        *_calibration_rows(metrics["calibration"], model),
        f"| accuracy, float | {_percent(before['accuracy'])} | `microfer evaluate {model}/{FLOAT_FILE} --data PATH` |",
        f"| float and int8 put the same class first | {_percent(parity['scores']['agreement'])} | {parity_command} |",
        f"| TFLM equals LiteRT's reference kernels, bit for bit | {parity['bits']['equal']:,} of "
        f"{parity['bits']['count']:,} images | the same |",
        *_pruning_rows(metrics),
        f"| model.tflite, plain and after gzip | {gzipped['int8']:,} and {gzipped['int8_gzip']:,} bytes | "
        f"`microfer quantize`: {_MADE} |",
        f"| parameters, multiply-accumulates | {metrics['parameters']:,}, {metrics['macs'] / 1e6:.1f} million | "
        f"`microfer describe {model}/{FLOAT_FILE}` |",
        f"| instructions an inference on an ESP32-S3 with ESP-NN, estimated | "
        f"{metrics['chip']['instructions'] / 1e6:.1f} million ±{100 * metrics['chip']['error']:.0f} % | "
        f"`microfer profile {model}/model.tflite` |",
    ]


RELEASES_HEADER = (
    "| release | PublicTest, int8 (selected on) | macro-F1 | PrivateTest | parameters | model.tflite | "
    "instructions (with ESP-NN) | ms | a second |",
    "|---|---|---|---|---|---|---|---|---|",
)


def releases_table(releases: list[dict[str, Any]], speeds: Mapping[str, OwnKernels | None]) -> list[str]:
    """Return all releases side by side as the lines of a Markdown table, from each one's `metrics.json`.

    speeds: model_id -> what it takes with the firmware's own kernels, None where that was not counted.
    """
    rows = (
        f"| [{one['model_id']}](models/{one['model_id']}/README.md) | {_percent(one['int8']['accuracy'])} | "
        f"{one['int8']['macro_f1']:.3f} | {_private(one)} | {one['parameters']:,} | "
        f"{one['bytes']['int8'] / 1024:.0f} KiB | {_speed(one, speeds.get(one['model_id']))} |"
        for one in releases
    )
    return [*RELEASES_HEADER, *rows]


def _speed(metrics: dict[str, Any], own: OwnKernels | None) -> str:
    """Return the cells of instructions, milliseconds and inferences a second, with the firmware's own kernels."""
    with_esp_nn = f"{metrics['chip']['instructions'] / 1e6:.1f} M"
    if own is None:
        return f"not known ({with_esp_nn}) | not known | not known"
    times = f"{1e3 * own.shortest_s:.0f} to {1e3 * own.longest_s:.0f}"
    rate = rates(own.shortest_s, own.longest_s).replace("..", " to ")
    return f"{own.instructions / 1e6:.2f} M ({with_esp_nn}) | {times} | {rate}"


def _private(metrics: dict[str, Any]) -> str:
    """Return the accuracy on PrivateTest, for a cell."""
    score = private_score(metrics)
    return _percent(score.accuracy) if score else "not scored yet"


def _private_rows(metrics: dict[str, Any], evaluate: str) -> list[str]:
    score = private_score(metrics)
    if score is None:
        return []
    return [
        f"| accuracy on PrivateTest, which nothing was selected on | {_percent(score.accuracy)} "
        f"(95 % interval {_percent(score.low)} to {_percent(score.high)}), macro-F1 {score.macro_f1:.3f} | "
        f"{evaluate} --split PrivateTest`, by those who hold that split |"
    ]


def _pruning_rows(metrics: dict[str, Any]) -> list[str]:
    rows = []
    if pruning := metrics["pruning"]:
        accuracy = pruning["validation_accuracy"]
        rows += [
            f"| zeros among the convolutions' weights | {_percent(pruning['sparsity'])} | `microfer prune`: {_MADE} |",
            f"| accuracy before and after pruning, float | {_percent(accuracy['before'])}, "
            f"{_percent(accuracy['after'])} | the same |",
        ]
    if channels := metrics["channels"]:
        accuracy, spent = channels["validation_accuracy"], channels["instructions"]
        rows += [
            f"| instructions before and after channels were pruned, estimated | {spent['before'] / 1e6:.1f} and "
            f"{spent['after'] / 1e6:.1f} million | `microfer prune-channels`: {_MADE} |",
            f"| accuracy before and after, float | {_percent(accuracy['before'])}, {_percent(accuracy['after'])} | "
            "the same |",
        ]
    return rows


def _calibration_rows(calibration: dict[str, Any], model: str) -> list[str]:
    before, after = calibration["before"]["ece"], calibration["after"]["ece"]
    crossed, accuracy = calibration["cross_fitted"]["ece"], calibration["cross_fitted"]["accuracy"]
    chosen, without = calibration["chosen"], calibration["cross_fitted"]["ece_without_floor"]["mean"]
    return [
        f"| expected calibration error, int8, at temperature {calibration['temperature']:g} above a floor of "
        f"{calibration['score_floor']} of 256 | {_percent(after)} (uncalibrated {_percent(before)}; cross-fitted on "
        f"halves {_percent(crossed['mean'])}, {_percent(crossed['low'])} to {_percent(crossed['high'])}; by a "
        f"temperature alone {_percent(without)}) | "
        f"`microfer calibrate {model}/model.tflite --data PATH` |",
        f'| accuracy of the answers with {_percent(chosen["coverage"])} answered, the rest "uncertain" | '
        f"{_percent(chosen['accuracy'])} (cross-fitted at 80 % {_percent(accuracy['mean'])}, "
        f"{_percent(accuracy['low'])} to {_percent(accuracy['high'])}) | the same |",
    ]


def _in_words(count: int) -> str:
    words = [
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
    ]
    return str(words[count - MIN_CLASSES])


def _what_it_is(metrics: dict[str, Any]) -> list[str]:
    arena = metrics["arena"]
    labels = [row["label"] for row in metrics["int8"]["per_class"]]
    arena_text = f"{arena['bytes']:,} bytes ({arena['measured_on']})" if arena else "not measured"
    origin = f"preset `{metrics['preset']}`"
    if metrics["channels"]:
        origin = f"`{metrics['preset']}`, what channel pruning left of a trained network"
    return [
        f"A customised SqueezeNet ({origin}) that takes a 48x48 gray face crop and scores {_in_words(len(labels))} "
        f"*perceived expressions*: {', '.join(labels)}. Full int8, for TensorFlow Lite Micro. The network descends "
        f"from that of the thesis {THESIS}; batch normalization after every convolution, bounded activations, the "
        "training recipe and all other differences that `microfer describe` shows are microfer's own.",
        "",
        f"- SHA-256 of `model.tflite`: `{metrics['sha256']}`",
        f"- tensor arena of the host's TFLM interpreter: {arena_text}. A board needs more, because ESP-NN "
        "takes its scratch from the arena too.",
        f"- trained with recipe `{metrics['training']['settings']['recipe']['name']}` for "
        f"{metrics['training']['epochs']} epochs in {metrics['training']['seconds'] / 60:.0f} minutes "
        f"({metrics['training']['settings']['engine']}), best epoch {metrics['training']['best_epoch']}; then "
        + ("averaged, then " if metrics["training"].get("averaged") else "")
        + ("pruned, then " if metrics["pruning"] else "")
        + "quantized",
        *_teachers(metrics["training"]["settings"].get("distillation")),
        *_start(metrics["training"]["settings"]),
        *_averaged(metrics["training"].get("averaged")),
        "",
    ]


def _start(settings: dict[str, Any]) -> list[str]:
    start = settings.get("start")
    if not start:
        return []
    chosen = {"accuracy": "the most accurate epoch", "macro_f1": "the epoch with the highest macro-F1"}
    return [
        f"- training began with the weights of `{start['file']}` (SHA-256 {start['sha256'][:16]}...) and kept "
        f"{chosen[settings['select']]}"
    ]


def _averaged(averaged: dict[str, Any] | None) -> list[str]:
    if not averaged:
        return []
    accuracy = averaged["validation_accuracy"]
    return [
        f"- its weights are a mean of those that training began with ({_percent(accuracy['start'])}, float) and those "
        f"that it found ({_percent(accuracy['trained'])}), with a share of {100 * averaged['share']:.0f} % for the "
        f"latter: {_percent(accuracy['mean'])}"
    ]


def _figures(metrics: dict[str, Any]) -> list[str]:
    return [
        "## Figures",
        "",
        *figures_table(metrics),
        "",
        "One view of each image, no test-time augmentation. PublicTest chose the epoch and checked the gates, so its "
        "figures are slightly optimistic. PrivateTest took no part in making the model; each release is scored on it "
        "once, afterwards.",
        "",
        *_what_pruning_does(metrics["pruning"]),
        "![learning curves](curves.png)",
        "",
    ]


def _teachers(distillation: dict[str, Any] | None) -> list[str]:
    if not distillation:
        return []
    files = ", ".join(f"`{one['file']}` (SHA-256 {one['sha256'][:16]}...)" for one in distillation["teachers"])
    asked = "each image, as it is and mirrored" if distillation.get("once") else "the same views"
    return [
        f"- it learned from labels and from the answers of trained networks to {asked}: {files}, with weight "
        f"{distillation['weight']:g} at temperature {distillation['temperature']:g}"
        + (f"; {distillation['views']} views of each image, in turn" if distillation.get("views") else "")
    ]


def _what_pruning_does(pruning: dict[str, Any] | None) -> list[str]:
    if not pruning:
        return []
    sizes = pruning["float32_gzip_bytes"]
    return [
        "Pruning sets weights to zero. It changes neither the file's size nor the latency, because TFLM stores and "
        f"multiplies zeros like any other weight. The float32 weights shrink from {sizes['before']:,} to "
        f"{sizes['after']:,} bytes under gzip.",
        "",
    ]


def _per_class(metrics: dict[str, Any]) -> list[str]:
    rows = [
        f"| {row['label']} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} | {row['support']} |"
        for row in metrics["int8"]["per_class"]
    ]
    return [
        "## Per class, int8, PublicTest",
        "",
        "| perceived expression | precision | recall | F1 | images |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "![confusion](confusion.png)",
        "",
    ]


def _confidence(calibration: dict[str, Any]) -> list[str]:
    after = calibration["after"]
    rows = [
        f"| {one['label']} | {_rate(one['precision'])} | {_rate(one['recall'])} | "
        + (f"{other['threshold']:.3f} | {_rate(other['recall'])} |" if other else "never | - |")
        for one, other in zip(calibration["classes"], calibration["classes_at_precision"], strict=True)
    ]
    wanted = _percent(calibration["wanted_precision"])
    return [
        "## Confidence",
        "",
        f"The board shows (p - {calibration['score_floor']}/256)^(1/T), at least 0, scaled to add up to one, with "
        f"T = {calibration['temperature']:g}, and says "
        f'"uncertain" below {calibration["uncertain_below"]:g}. The subtracted floor is what label smoothing '
        "gives to every class in training; it is not fitted. Temperature and threshold were fitted on PublicTest. "
        "All three travel in `model.tflite`. "
        f"On {_percent(after['lost_truths'])} of the images the true label is left without any confidence. "
        "On this number of images, a perfectly calibrated model would be measured at an error of "
        f"{_percent(after['perfect_ece'])} on average, and below {_percent(after['perfect_ece_high'])} in 97.5 % of "
        "cases.",
        "",
        *(f"Missed: {sentence}." for sentence in calibration["misses"]),
        *([""] if calibration["misses"] else []),
        "![reliability, uncalibrated and calibrated](calibration.png)",
        "![accuracy against coverage](coverage.png)",
        "",
        f"| perceived expression | precision of its answers | recall | precision {wanted} from | recall there |",
        "|---|---|---|---|---|",
        *rows,
        "",
    ]


def _robustness(metrics: dict[str, Any]) -> list[str]:
    return [
        "## Robustness",
        "",
        f"`microfer robustness models/{metrics['model_id']}/model.tflite --data PATH`, on PublicTest, in "
        f"{metrics['robustness']['runner']}.",
        "",
        *metrics["robustness"]["markdown"],
        "",
        "![robustness](robustness.png)",
        "",
    ]


def _commands(metrics: dict[str, Any]) -> list[str]:
    return [
        "## How it was made",
        "",
        "```",
        *metrics["commands"],
        "```",
        "",
        "Floating-point sums depend on the processor and its libraries, so a run elsewhere ends near these figures, "
        "not exactly on them. `parity.json` is the parity certificate; `microfer parity --page "
        f"models/{metrics['model_id']}` makes a page of it.",
        "",
    ]


def _use(int8: dict[str, Any]) -> list[str]:
    missed = sorted(int8["per_class"], key=lambda one: one["recall"])[:3]
    most, more, third = (f"{one['label']} ({100 * (1 - one['recall']):.0f} in 100 missed)" for one in missed)
    return [
        "## Intended use",
        "",
        "- Learning and teaching embedded machine learning; research on small networks and quantization.",
        "- Toys, art and interfaces that react to a face, if a wrong answer harms nobody and people know about it.",
        "",
        "## Prohibited use",
        "",
        "- Emotion recognition at work and in education (banned in the EU: AI Act, Art. 5(1)(f)), and any "
        "high-risk use (Annex III 1(c)) that does not meet the law's requirements.",
        "- Decisions about people: hiring, grading, insurance, policing, border control, health, credit.",
        "- Covert observation; inferring what somebody feels, intends or thinks. A shown expression is not a felt "
        "emotion: the network only repeats what annotators saw in a picture.",
        "",
        "## Limits",
        "",
        f"- It is wrong about {100 * (1 - int8['accuracy']):.0f} faces in 100, most often about {most}, {more} and "
        f"{third}. Show uncertainty, smooth over time, and let people switch it off.",
        "- Trained on faces cropped by a frontal detector, so not on profiles, occlusion, darkness or masks.",
        "- FER-2013 has no demographic labels, so it is unknown how errors differ between groups of people.",
        "",
    ]


def _data_faults(metrics: dict[str, Any]) -> list[str]:
    repeated, count = metrics["int8"]["images_also_in_training"], metrics["int8"]["count"]
    return [
        "## The data and its faults",
        "",
        "FER-2013 (Goodfellow et al. 2013): faces from a web search, labelled by the search terms and by people. The "
        "labels are noisy: people agree with about 65 % of them (its authors' estimate). Faces are posed, or were "
        "collected without consent for this use. `microfer audit --data PATH` lists exact and near "
        f"duplicates within and across splits, conflicting labels and blank images; {repeated} of {count:,} PublicTest "
        "images are also in Training, pixel for pixel. No image of it is in this repository.",
    ]


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3f}"


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"
