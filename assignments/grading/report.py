"""Outcomes as pages: one for each student, and one that leads to them.   They need no server and no other file."""
from html import escape

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0 auto; max-width: 60rem; padding: 0 0.75rem 2rem; }}
body {{ font-family: sans-serif; color: #000; background: #fff; }}
h1 {{ font-size: 1.3rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: 0.3rem 0.6rem; border-bottom: 1px solid #999; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
tr.failed td:first-child {{ border-left: 0.3rem solid #000; }}
pre {{ margin: 0.3rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def page(assignment, name, results):
    """The report of one submission, from the contents of its results.json."""
    total = sum(test["max_score"] for test in results["tests"])
    lines = [f"<p><strong>{results['score']:g} of {total:g} points</strong></p>",
             f"<pre>{escape(results['output'])}</pre>"]
    lines += ["<table>", "<tr><th></th><th>test</th><th></th><th>points</th></tr>"]
    for test in results["tests"]:
        if test["visibility"] == "visible":
            output = f"<pre>{escape(test['output'])}</pre>" if test["output"] else ""
            lines.append(f"<tr class=\"{test['status']}\"><td>{test['number']}</td>"
                         f"<td>{escape(test['name'])}{output}</td><td>{test['status']}</td>"
                         f"<td class=\"number\">{test['score']:g} of {test['max_score']:g}</td></tr>")
    return PAGE.format(title=escape(f"{assignment.title}: {name}"), body="\n".join([*lines, "</table>"]))


def index(assignment, head, rows, names):
    """The page of all submissions: the rows of the table, each with a link to its report."""
    lines = ["<table>", "<tr>" + "".join(f"<th>{escape(text)}</th>" for text in head) + "</tr>"]
    for row, name in zip(rows, names):
        first = f'<td><a href="{escape(name.replace("%", "%25"))}/report.html">{escape(row[0])}</a></td>'
        lines.append("<tr>" + first + "".join(f"<td>{escape(text)}</td>" for text in row[1:]) + "</tr>")
    return PAGE.format(title=escape(f"{assignment.title}: {len(rows)} submissions"),
                       body="\n".join([*lines, "</table>"]))
