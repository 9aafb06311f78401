"""python -m starprobe: the command."""

from starprobe.cli import main

if __name__ == "__main__":
    main()
