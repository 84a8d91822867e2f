"""Selections as expressions: `(box(0,0,0,1,1,1) | file("a.safetensors")) & ~grow(sphere(0,0,0,1), 0.1)`.

The text is parsed with Python's grammar and walked; nothing of it is ever executed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.options import nearest

Argument = float | str
Makers = dict[str, Callable[..., Selection]]


def evaluate(text: str, makers: Makers, changers: Makers) -> Selection:
    """The selection that an expression means.

    Args:
        makers: functions of numbers and texts that make a selection.
        changers: functions whose first argument is a selection.

    Raises:
        SplatError: for anything that the grammar above does not have.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SplatError(f"select.where: cannot read {text!r} ({getattr(error, 'msg', error)})") from error
    return _Walker(makers, changers).selection(tree)


class _Walker:
    def __init__(self, makers: Makers, changers: Makers) -> None:
        self.makers, self.changers = makers, changers

    def selection(self, node: ast.expr) -> Selection:
        """What a node of the expression selects."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr, ast.Sub)):
            left, right = self.selection(node.left), self.selection(node.right)
            if isinstance(node.op, ast.Sub):
                return left - right
            return left & right if isinstance(node.op, ast.BitAnd) else left | right
        if isinstance(node, ast.BoolOp):
            result, *others = (self.selection(value) for value in node.values)
            for other in others:
                result = result & other if isinstance(node.op, ast.And) else result | other
            return result
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.Not)):
            return ~self.selection(node.operand)
        if isinstance(node, ast.Name):
            return self._call(node.id, [])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id, node.args)
        raise SplatError(f"select.where: {ast.unparse(node)} is no selection; combine them with & | - ~")

    def _call(self, name: str, nodes: list[ast.expr]) -> Selection:
        if name in self.changers and nodes:
            first, rest = self.selection(nodes[0]), [self._argument(node) for node in nodes[1:]]
            return _called(name, self.changers[name], [first, *rest])
        if name in self.makers:
            return _called(name, self.makers[name], [self._argument(node) for node in nodes])
        known = [*self.makers, *self.changers]
        near = nearest(name, known)
        hint = f"did you mean {near}?" if near and near != name else f"there are {', '.join(known)}"
        raise SplatError(f"select.where: {name} is not understood; {hint}")

    def _argument(self, node: ast.expr) -> Argument:
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            sign, node = -1, node.operand
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
            return sign * float(node.value)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        raise SplatError(f"select.where: {ast.unparse(node)} must be a number or a text in quotes")


def _called(name: str, function: Callable[..., Selection], arguments: list[Any]) -> Selection:
    try:
        return function(*arguments)
    except (TypeError, ValueError) as error:
        raise SplatError(f"select.where: {name}(...) has arguments that do not fit it") from error
