"""grade_all.py REQUEST: REQUEST is {"function", "calls": [arguments as JSON]}. Prints for each implementation what the
stand-in for the sandbox saw and what the reference gives: {name: {"evaluation", "expected"}}."""

import json
import sys

import evaluate
import implementations
import reference_scorer

with open(sys.argv[1], encoding="utf-8") as file:
    request = json.load(file)
print(json.dumps({
    name: {
        "evaluation": evaluate.evaluate(source, request["function"], request["calls"]),
        "expected": reference_scorer.score(source),
    }
    for name, source in implementations.all_implementations().items()
}))
