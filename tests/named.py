"""Finds where a program asks whether something has one of some names."""

import ast


def asked_for(text, names):
  """Returns the lines that compare with, look up by, or match one of the names."""
  return sorted({node.lineno for node in ast.walk(ast.parse(text)) if _asks(node, names)})


def _asks(node, names):
  if isinstance(node, ast.Compare):
    return any(_has(part, names) for part in (node.left, *node.comparators))
  if isinstance(node, ast.Dict):
    return any(_is(key, names) for key in node.keys)
  if isinstance(node, ast.Subscript):
    return _is(node.slice, names)
  if isinstance(node, ast.MatchValue):
    return _is(node.value, names)
  if isinstance(node, ast.Call):
    is_dict = isinstance(node.func, ast.Name) and node.func.id == 'dict'
    if is_dict and any(keyword.arg in names for keyword in node.keywords):
      return True
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ''
    ways = ('startswith', 'endswith', 'get', 'index', 'count')
    return method in ways and any(_has(argument, names) for argument in node.args)
  return False


def _is(node, names):
  return isinstance(node, ast.Constant) and node.value in names


def _has(node, names):
  """Also as an element of a tuple, a list or a set."""
  return _is(node, names) or any(_is(e, names) for e in getattr(node, 'elts', ()))
