"""Everything in the product that could grow: queues, caches, pools and tables, found in its code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("aggregator", "common", "edge_agent", "models")
_KINDS = {"deque", "Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "ThreadPoolExecutor", "ProcessPoolExecutor",
          "WeakSet", "OrderedDict", "Mailbox"}
_CACHES = {"cache", "lru_cache"}


def found() -> set[str]:
    """`module.Class.name` of queues, caches and pools; `table NAME`; sorted by nobody."""
    names: set[str] = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            text = path.read_text(encoding="utf-8")
            names |= _in_code(ast.parse(text), module)
            names |= {f"table {name}" for name in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", text)}
        for path in (ROOT / package).rglob("*.sql"):
            names |= {f"table {name}" for name in re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)",
                                                             path.read_text(encoding="utf-8"))}
    return names


def _in_code(tree: ast.AST, at: str) -> set[str]:
    names: set[str] = set()
    for node in ast.iter_child_nodes(tree):
        inner = at
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inner = f"{at}.{node.name}" if isinstance(node, ast.ClassDef) else at
            if not isinstance(node, ast.ClassDef) and any(_last(d) in _CACHES for d in node.decorator_list):
                names.add(f"{at}.{node.name}")
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _makes(node.value):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            names.add(f"{at}.{target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)}")
        names |= _in_code(node, inner)
    return names


def _makes(value: ast.expr) -> bool:
    """Whether a queue, cache or pool is made in there."""
    return any(isinstance(node, ast.Call) and (_last(node.func) in _KINDS or _last(node.func) in _CACHES
                                               or any(k.arg == "default_factory" and _last(k.value) in _KINDS
                                                      for k in node.keywords))
               for node in ast.walk(value))


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _last(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
