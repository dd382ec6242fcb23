"""Reads a YAML file strictly and remembers on which line each key and value stands.

Only the plain part of YAML is taken: one document of mappings, lists and scalars. Anchors, aliases,
tags and duplicate keys are refused, since each lets a file mean something its reader does not see.
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from fleet.problems import KeyPath, Problem, dotted, whole_file

LARGEST_FILE_BYTES = 1_048_576
DEEPEST_NESTING = 32
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where the package brings it: the ISP catalogue takes a second without."""


class UnreadableError(Exception):
    """The file is no plain YAML document; `problems` say why. Callers raise their own error."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems


@dataclass(frozen=True)
class Document:
    """The values of a file and where each stands."""

    file: str
    data: Any
    """Mappings with text keys, lists, and scalars; dates as ISO 8601 text."""
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int:
        """The line of a key or list item, or of the nearest one above that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def problem(self, path: KeyPath, what: str, remedy: str) -> Problem:
        return Problem(self.file, self.line(path), dotted(path), what, remedy)


def read_document(path: Path) -> Document:
    """The document in `path`; raises UnreadableError."""
    text = _read_text(path)
    try:
        problems = _forbidden_syntax(text, str(path))
        if problems:
            raise UnreadableError(problems)
        loader = _LOADER(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise UnreadableError([whole_file(path, "the file is empty", "Write its keys.")])
            return _Builder(str(path), loader).document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise UnreadableError([_syntax_problem(error, str(path))]) from error
    except yaml.YAMLError as error:
        raise UnreadableError([_not_text(path)]) from error


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError:
        problem = whole_file(path, "there is no such file", "Check the path.")
    except IsADirectoryError:
        problem = whole_file(path, "this is a directory", "Name a YAML file inside it.")
    except OSError as error:
        problem = whole_file(
            path, f"the file cannot be read: {error.strerror}", "Check path and permissions."
        )
    else:
        if len(content) > LARGEST_FILE_BYTES:
            what = f"the file is larger than {LARGEST_FILE_BYTES // 1024} KiB"
            problem = whole_file(path, what, "This is hardly the file you meant; check the path.")
        else:
            try:
                return content.decode("utf-8-sig")
            except UnicodeDecodeError:
                problem = _not_text(path)
    raise UnreadableError([problem])


def _not_text(path: Path) -> Problem:
    return whole_file(path, "the file is not text in UTF-8", "Check the path, or save the file as UTF-8.")


def _syntax_problem(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = "not valid YAML: " + " ".join(filter(None, (error.context, error.problem)))
    return Problem(
        file, mark.line + 1 if mark else 0, "", what, "Check indentation, colons, brackets and quotes here."
    )


def _line(mark: Any) -> int:
    return 1 if mark is None else int(mark.line) + 1


def _forbidden_syntax(text: str, file: str) -> list[Problem]:
    """Looks at the event stream, which expands nothing and recurses nowhere."""
    problems: list[Problem] = []
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = _line(event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST_NESTING:
                what = f"values nest deeper than {DEEPEST_NESTING} levels"
                return [*problems, Problem(file, line, "", what, "Check brackets and indentation.")]
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            what = f"anchors and aliases (here `{event.anchor}`) are not taken"
            problems.append(Problem(file, line, "", what, "Write the value out where it is used."))
        elif tag := getattr(event, "tag", None):
            what = f"tags (here `{tag}`) are not taken"
            problems.append(Problem(file, line, "", what, "Write the plain value."))
    return problems


class _Builder:
    """Turns composed nodes into plain values, collecting lines and problems on the way."""

    def __init__(self, file: str, loader: yaml.SafeLoader) -> None:
        self._file = file
        self._loader = loader
        self._lines: dict[KeyPath, int] = {}
        self._problems: list[Problem] = []

    def document(self, root: yaml.Node) -> Document:
        data = self._value(root, ())
        if self._problems:
            raise UnreadableError(self._problems)
        return Document(self._file, data, self._lines)

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._lines.setdefault(path, _line(node.start_mark))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, position)) for position, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = _line(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(line, path, "a key must be plain text", "Write `key: value`.")
                continue
            # The text as written: `no:` and `1:` are names here, not a truth value or a number.
            key = str(key_node.value)
            if key in found:
                first = self._lines[(*path, key)]
                self._refuse(
                    line,
                    (*path, key),
                    f"the key was already given on line {first}",
                    "Keep one of the two: YAML would silently drop the first.",
                )
                continue
            self._lines[(*path, key)] = line
            found[key] = self._value(value_node, (*path, key))
        return found

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Any:
        try:
            value = self._loader.construct_object(node)
        except (ValueError, OverflowError) as error:
            self._refuse(
                _line(node.start_mark),
                path,
                f"`{node.value}` has no value: {error}",
                "Correct or quote it.",
            )
            return None
        return value.isoformat() if isinstance(value, date) else value

    def _refuse(self, line: int, path: KeyPath, what: str, remedy: str) -> None:
        self._problems.append(Problem(self._file, line, dotted(path), what, remedy))
