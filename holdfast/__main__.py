"""``python -m holdfast``: the command."""

from holdfast.serving.command import main

if __name__ == "__main__":
    main()
