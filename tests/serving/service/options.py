"""The options of a command."""

import typer


def options_of(app):
    """Their names, such as `--port`."""
    command = typer.main.get_command(app)
    return {name for parameter in command.params for name in parameter.opts}
