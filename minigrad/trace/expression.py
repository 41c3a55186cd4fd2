"""Short programs for the command line: `a=2; b=a+a; c=b+b; c*b`.

A number (or a list of numbers) that is given a name becomes a tensor that requires a gradient.  Other numbers are
constants.
"""
import ast
import linecache
import numpy as np
import minigrad
from ..tensor import Tensor
from .recording import record

FILE = "<expression>"
FUNCTIONS = {name: getattr(minigrad, name) for name in (
    "exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "softplus", "relu", "abs", "maximum", "minimum", "sum",
    "mean", "prod", "logsumexp")}
ALLOWED = (ast.Expr, ast.Name, ast.Load, ast.Store, ast.BinOp, ast.UnaryOp, ast.Add, ast.Sub, ast.Mult, ast.Div,
           ast.Pow, ast.MatMult, ast.USub, ast.UAdd)
RULES = f"there are numbers, + - * / ** @, assignments of those and of lists, and functions: {', '.join(FUNCTIONS)}"


def run(text):
    """What the last statement of a short program gives, and all its variables, in a dict.

    Its lines are recorded, one statement a line.
    Raises ValueError, in one line, for what is no such program, or gives nothing that has a gradient.
    """
    statements = parse(text)
    variables, result = {}, None
    try:
        with np.errstate(all="ignore"), record():
            for statement in statements:
                result = execute(statement, variables)
    except (ValueError, TypeError, IndexError, RuntimeError, ArithmeticError) as error:
        raise ValueError(str(error) or type(error).__name__) from None
    if not isinstance(result, Tensor) or result.rule is None:
        raise ValueError("the last statement must compute something from a number that has a name, as in: a=2; a*a")
    if result.data.size != 1:
        raise ValueError(f"the last statement gives the shape {result.data.shape}; gradients start from one number: "
                         "use sum(...) or mean(...)")
    return result, variables


def parse(text):
    """The statements of a program, each on its own line.  Raises ValueError for what isn't allowed."""
    try:
        tree = ast.parse(text)
        source = "\n".join(ast.get_source_segment(text, statement).replace("\n", " ") for statement in tree.body)
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"not an expression: {error.msg}: {(error.text or text).strip()}") from None
    if not tree.body:
        raise ValueError("there is nothing to compute")
    known = set(FUNCTIONS)
    for statement in tree.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in known:
                raise ValueError(f"{node.id} is not known here: {RULES}")
            if not allowed(node) and not (isinstance(node, (ast.List, ast.Load)) and literal(statement)):
                raise ValueError(f"can't use {ast.unparse(node)}: {RULES}")
        known |= {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    linecache.cache[FILE] = len(source), None, source.splitlines(keepends=True), FILE
    return tree.body


def literal(statement):
    """The numbers, or lists of them, that a statement gives a name to; None if it computes something."""
    try:
        return ast.literal_eval(statement.value) if isinstance(statement, ast.Assign) else None
    except ValueError:
        return None


def allowed(node):
    """Whether a node of a syntax tree is one of the few kinds that a program may have."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.Assign):
        return len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and node.targets[0].id not in FUNCTIONS
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
    return isinstance(node, ALLOWED)


def execute(statement, variables):
    """Run a statement: add to the variables, and give the value."""
    numbers = literal(statement)
    if numbers is not None:
        value = minigrad.tensor(numbers, dtype=minigrad.float32, requires_grad=True)
    else:
        code = compile(ast.Expression(statement.value), FILE, "eval")
        value = eval(code, {"__builtins__": {}, **FUNCTIONS}, variables)
    if isinstance(statement, ast.Assign):
        variables[statement.targets[0].id] = value
    return value
