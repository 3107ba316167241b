"""`microfer train`, under the name that people know."""

from microfer.cli.main import start

if __name__ == "__main__":
    start("train")
