"""``completion``: print a completion script for a shell, generated from the parsers of the commands."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from modelarts_emulator.cli import COMMANDS, OK, PROGRAM
from modelarts_emulator.cli.output import Output
from modelarts_emulator.config.options import Parser

SETTINGS = False
SHELLS = ("bash", "zsh", "fish")


class Word(NamedTuple):
    """An option, or a positional argument, whose ``flag`` is empty."""

    flag: str
    help: str
    choices: tuple[str, ...]
    takes: bool
    """Whether a value follows the option."""
    path: bool
    """Whether the value is the path of a file or a directory."""


def parser(prog: str) -> Parser:
    """Return the parser of the command's options."""
    made = Parser(
        prog,
        "Print a script that completes commands, options and their values:\n\n"
        f'  bash   eval "$({PROGRAM} completion bash)"   (in ~/.bashrc)\n'
        f'  zsh    eval "$({PROGRAM} completion zsh)"    (in ~/.zshrc)\n'
        f"  fish   {PROGRAM} completion fish | source   (in config.fish)",
        usage="SHELL [options]",
    )
    made.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    return made


def run(options: dict[str, Any], out: Output) -> int:
    """Print the script."""
    script = {"bash": bash, "zsh": zsh, "fish": fish}[options["shell"]]()
    out.result({"shell": options["shell"], "script": script}, script.rstrip("\n"))
    return OK


def words(command: str) -> list[Word]:
    """Return the options and arguments of a command."""
    # Imported here: main loads this module.
    from modelarts_emulator.cli.main import parser_of  # noqa: PLC0415

    parser = parser_of(command)
    parser.show_all()
    return list(_words(parser))


def _words(parser: Parser) -> Iterator[Word]:
    for action in parser.described():
        takes = action.nargs != 0
        choices = tuple(map(str, action.choices or ()))
        is_path = action.type is Path or action.metavar in ("PATH", "SCRIPT", "SNAPSHOT", "DIR", "FILE")
        help_ = (action.help or "") if action.help != argparse.SUPPRESS else ""
        for flag in [each for each in action.option_strings if each.startswith("--")] or [""]:
            yield Word(flag, help_, choices, takes, is_path)


def bash() -> str:
    """Return the script for bash."""
    cases = []
    for command in COMMANDS:
        known = words(command)
        flags = " ".join(word.flag for word in known if word.flag)
        places = [word for word in known if not word.flag]
        values = " ".join(choice for word in places for choice in word.choices)
        files = any(word.path for word in places)
        cases.append(f"    {command}) flags='{flags}'; values='{values}'; files={'yes' if files else ''} ;;")
    by_flag: dict[str, Word] = {word.flag: word for command in COMMANDS for word in words(command) if word.flag}
    after = []
    for flag, word in by_flag.items():
        if word.choices:
            after.append(f"    {flag}) COMPREPLY=($(compgen -W '{' '.join(word.choices)}' -- \"$word\")); return ;;")
        elif word.path:
            after.append(f'    {flag}) compopt -o default; COMPREPLY=($(compgen -f -- "$word")); return ;;')
        elif word.takes:
            after.append(f"    {flag}) return ;;")
    lines = "\n"
    return f"""\
# bash completion of {PROGRAM}
_modelarts_emulator() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[1]}}
  local flags values files
  COMPREPLY=()
  case $command in -*) command=start ;; esac
  if [ "$COMP_CWORD" -eq 1 ] && [[ $word != -* ]]; then
    COMPREPLY=($(compgen -W '{" ".join(COMMANDS)}' -- "$word")); return
  fi
  case $before in
{lines.join(after)}
  esac
  case $command in
{lines.join(cases)}
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$word"))
  elif [ -n "$files" ]; then
    compopt -o default; COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -F _modelarts_emulator {PROGRAM}
"""


def zsh() -> str:
    """Return the script for zsh."""
    commands = "\n".join(f"    {_zsh_quoted(f'{name}:{text}')}" for name, text in COMMANDS.items())
    cases = []
    for command in COMMANDS:
        specs = [f"        {_zsh_spec(word)}" for word in words(command)]
        cases.append(f"    {command}) _arguments \\\n" + " \\\n".join(specs) + " ;;")
    lines = "\n"
    return f"""\
#compdef {PROGRAM}
_modelarts_emulator() {{
  local -a commands=(
{commands}
  )
  local command=$words[2]
  if (( CURRENT == 2 )) && [[ $command != -* ]]; then
    _describe command commands; return
  fi
  if [[ $command == -* ]]; then command=start; else shift words; (( CURRENT-- )); fi
  case $command in
{lines.join(cases)}
  esac
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit; compinit }}
compdef _modelarts_emulator {PROGRAM}
"""


def _zsh_spec(word: Word) -> str:
    values = f"({' '.join(word.choices)})" if word.choices else "_files" if word.path else " "
    if not word.flag:
        return _zsh_quoted(f"1:value:{values}")
    text = word.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    return _zsh_quoted(f"*{word.flag}[{text}]" + (f":value:{values}" if word.takes else ""))


def _zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def fish() -> str:
    """Return the script for fish."""
    start = f"complete -c {PROGRAM}"
    none = "not __fish_seen_subcommand_from " + " ".join(COMMANDS)
    lines = [f"# fish completion of {PROGRAM}", f"{start} -f"]
    for command, text in COMMANDS.items():
        lines.append(f"{start} -n '{none}' -a {command} -d {_fish_quoted(text)}")
        seen = f"__fish_seen_subcommand_from {command}"
        for word in words(command):
            value = f" -a {_fish_quoted(' '.join(word.choices))}" if word.choices else " -F" if word.path else ""
            if word.flag:
                needs = "" if not word.takes else " -r" if word.path else " -x"
                lines.append(f"{start} -n '{seen}' -l {word.flag[2:]}{needs}{value} -d {_fish_quoted(word.help)}")
            elif value:
                lines.append(f"{start} -n '{seen}'{value}")
    return "\n".join(lines) + "\n"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
