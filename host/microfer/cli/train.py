"""Train a network on FER-2013."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from microfer.cli import command
from microfer.cli.invocation import typed
from microfer.model.networks import NETWORKS, network
from microfer.release import default_training
from microfer.training.recipe import RECIPES, Recipe, recipe

EXAMPLES = """
  microfer train                                                the default release's preset and recipe
  microfer train --data fer2013.csv --preset thesis-bn --recipe strong
  microfer train --data fer2013.zip --out runs/mine --resume    continue after Ctrl-C or a power cut
  microfer train --synthetic --epochs 3                         a first look without FER-2013
  microfer train --data fer2013.csv --teacher runs/*/best.keras     learn from trained networks as well
  microfer train --data fer2013.csv --preset s3 --recipe balanced --start models/s3-1/float.keras \
      --select macro_f1                                               a variant for which every class counts alike
  microfer train --data fer2013.csv --preset s3 --recipe continued --start models/s3-1/float.keras \
      --teacher models/*/float.keras --teacher-views 6                 continue, taught by all releases together
  microfer train --data fer2013.csv --preset s3 --recipe continued --start models/s3-1/float.keras \
      --teacher models/*/float.keras --teacher-once                    the same as fast as without teachers
  KERAS_BACKEND=tensorflow microfer train --data fer2013.csv    choose the backend
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, train, print what came of it."""
    options = _parse(arguments)
    from microfer.studies.accuracy.recorded import by_epochs
    from microfer.training.distill import Distillation
    from microfer.training.session import train

    preset, chosen = _chosen(options)
    data = None if options.synthetic else command.converted(options.data or command.found_data(), options.convert)
    taught = Distillation(
        options.teacher_weight, options.teacher_temperature, options.teacher_views, options.teacher_once
    )
    result = train(
        network(preset),
        chosen,
        data=data,
        out=options.out or Path("runs") / f"{preset}-{chosen.name}-{options.seed}",
        seed=options.seed,
        resume=options.resume,
        precision=options.precision,
        threads=options.threads,
        limit=options.limit,
        tensorboard=options.tensorboard,
        teachers=options.teacher,
        distillation=taught if options.teacher else None,
        imagenet=options.imagenet,
        start=options.start,
        select=options.select,
        on_record={} if options.synthetic or options.start or options.teacher else by_epochs(preset, chosen.name),
        tell=command.say,
    )
    command.say(result.describe())
    command.say(f"next: {typed('microfer export')}")
    if options.json:
        print(json.dumps({**vars(result), "best_model": str(result.best_model)}))
    return 0


def _chosen(options: argparse.Namespace) -> tuple[str, Recipe]:
    """Return preset and recipe: what was asked for, the rest as the default release has it.

    The release's number of epochs holds for its own preset and recipe.
    """
    made = default_training()
    preset, name = options.preset or made.preset, options.recipe or made.recipe
    chosen = recipe(name)
    if options.epochs is not None:
        return preset, replace(chosen, epochs=options.epochs)
    return preset, replace(chosen, epochs=made.epochs) if (preset, name) == (made.preset, made.recipe) else chosen


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(
        "Train a network on FER-2013: learn from Training, keep the epoch that does best on PublicTest. Each epoch "
        "ends in a checkpoint, so a run may be killed at any moment and resumed.",
        EXAMPLES,
        verb="train",
    )
    command.add_data_options(parser, "train on", found=True)
    command.add_convert_option(parser)
    parser.add_argument("--preset", choices=NETWORKS, help="the network (default: the default release's)")
    parser.add_argument("--recipe", choices=RECIPES, help="how to train it (default: as the default release)")
    parser.add_argument(
        "--epochs",
        type=int,
        help="train this many epochs instead of the recipe's; at a constant rate, as in recipe thesis, --resume takes "
        "another number too",
    )
    parser.add_argument("--seed", type=command.seed, default=0, help="of all random numbers (default: 0)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (default: runs/PRESET-RECIPE-SEED)")
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in the folder")
    command.add_precision_option(parser)
    command.add_threads_option(parser)
    command.add_limit_option(parser)
    parser.add_argument(
        "--teacher", type=Path, nargs="+", default=[], metavar="FILE", help="trained .keras networks to learn from too"
    )
    parser.add_argument(
        "--teacher-weight", type=float, default=0.7, help="their part in the loss, above 0 to 1 (default: 0.7)"
    )
    parser.add_argument(
        "--teacher-temperature", type=float, default=2.0, help="by which both sides are softened (default: 2)"
    )
    parser.add_argument(
        "--teacher-views",
        type=int,
        default=0,
        metavar="K",
        help="show only K augmented views of each image, in turn, so that teachers answer each once: several or large "
        "teachers cost K epochs' answers instead of all (default: a new view every epoch)",
    )
    parser.add_argument(
        "--teacher-once",
        action="store_true",
        help="let teachers look at each image once, before training, as it is and mirrored; their mean answer stands "
        "for all augmented views of it, of which every epoch shows a new one",
    )
    parser.add_argument(
        "--imagenet", type=Path, metavar="FILE", help="initial weights, for resnet50 and efficientnet-b0"
    )
    parser.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="a trained .keras of this preset to start from, as recipes continued and balanced do",
    )
    parser.add_argument(
        "--select", default="accuracy", choices=("accuracy", "macro_f1"), help="what the best epoch has most of"
    )
    parser.add_argument("--tensorboard", action="store_true", help="write a TensorBoard log as well")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)
