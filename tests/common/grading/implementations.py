"""Programs that a model might answer with: one that gets all points, each of its parts done wrong in turn and in
pairs, and some that are written to confuse a grader. Names to sources."""

RIGHT = '''
def calculate_user_metrics(users, start_date, end_date):
    def number(value):
        try:
            return float(value)
        except (TypeError, ValueError):
            return 0.0
    def engagement(user):
        days = number(user.get("days_active"))
        if days == 0: return 0.0
        raw = number(user.get("posts")) * 2 + number(user.get("comments")) * 1.5 + number(user.get("likes")) * 0.1
        return raw / days
    active = [u for u in users if start_date <= u.get("last_login", "") <= end_date]
    scores = [engagement(u) for u in active]
    average = sum(scores) / len(active) if active else 0
    top = sorted(active, key=engagement, reverse=True)[:5]
    return {"average_engagement": average, "top_performers": top, "active_count": len(active)}
'''

# Each replaces a part of RIGHT.
FAULTS = {
    "divides_by_zero": ('if days == 0: return 0.0', 'pass'),
    "divides_by_no_users": (' if active else 0', ''),
    "needs_all_keys": ('user.get("comments")', 'user["comments"]'),
    "needs_numbers": ('return float(value)\n        except (TypeError, ValueError):', 'return value + 0.0\n        except KeyError:'),
    "takes_text_for_number": ('return float(value)\n        except (TypeError, ValueError):', 'return 0.0 if value is None else value + 0.0\n        except KeyError:'),
    "refuses_negative": ('return float(value)', 'assert float(value) >= 0; return float(value)'),
    "raw_over_all_users": ('scores = [engagement(u) for u in active]\n    average = sum(scores) / len(active)',
                           'average = sum(u["posts"] * 2 + u["comments"] * 1.5 + u["likes"] * 0.1 for u in active) / len(users)'),
    "average_over_all_users": ('sum(scores) / len(active)', 'sum(scores) / len(users)'),
    "average_is_text": ('"average_engagement": average', '"average_engagement": str(average)'),
    "average_is_slightly_off": ('"average_engagement": average', '"average_engagement": average + 0.009'),
    "average_is_a_bit_more_off": ('"average_engagement": average', '"average_engagement": average + 0.011'),
    "average_is_none_when_nobody": ('if active else 0', 'if active else None'),
    "average_is_missing": ('"average_engagement": average, ', ''),
    "average_is_nan": ('if active else 0', 'if active else float("nan")'),
    "ascending": ('reverse=True)[:5]', 'reverse=False)[:5]'),
    "ascending_last_five": ('reverse=True)[:5]', 'reverse=False)[-5:]'),
    "unsorted": ('sorted(active, key=engagement, reverse=True)[:5]', 'active[:5]'),
    "middle_first": ('reverse=True)[:5]', 'reverse=True)[:5]; top = top[1:2] + top[:1] + top[2:]'),
    "all_performers": ('reverse=True)[:5]', 'reverse=True)'),
    "three_performers": ('[:5]', '[:3]'),
    "six_performers": ('[:5]', '[:6]'),
    "best_five_times": ('reverse=True)[:5]', 'reverse=True)[:1] * 5'),
    "five_shuffled": ('reverse=True)[:5]', 'reverse=True)[:5]; top = top[2:] + top[:2]'),
    "no_performers": ('"top_performers": top', '"top_performers": []'),
    "performers_missing": ('"top_performers": top, ', ''),
    "performers_none": ('"top_performers": top', '"top_performers": None'),
    "performers_tuple": ('"top_performers": top', '"top_performers": tuple(top)'),
    "performers_are_scores": ('"top_performers": top', '"top_performers": [engagement(u) for u in top]'),
    "performers_without_posts": ('"top_performers": top', '"top_performers": [{"likes": u.get("likes")} for u in top]'),
    "performers_as_dict": ('"top_performers": top', '"top_performers": {str(i): u for i, u in enumerate(top)}'),
    "performers_as_text": ('"top_performers": top', '"top_performers": "ab"'),
    "performers_with_float_posts": ('"top_performers": top', '"top_performers": [{"posts": number(u.get("posts"))} for u in top]'),
    "ignores_dates": ('start_date <= u.get("last_login", "") <= end_date', 'True'),
    "ignores_end": (' <= end_date', ''),
    "swaps_dates": ('    def number', '    if start_date > end_date: start_date, end_date = end_date, start_date\n    def number'),
    "refuses_bad_dates": ('    def number', '    if start_date > end_date: raise ValueError("dates")\n    def number'),
    "adds_a_field": ('scores = [engagement(u) for u in active]', 'scores = [u.setdefault("engagement", engagement(u)) for u in active]'),
    "writes_defaults": ('    def number', '    for u in users:\n        u["posts"] = u.get("posts") or 0\n        u["comments"] = u.get("comments") or 0\n    def number'),
    "sorts_in_place": ('top = sorted(active, key=engagement, reverse=True)[:5]', 'users.sort(key=engagement, reverse=True); top = [u for u in users if u in active][:5]'),
    "empties_input": ('    return {', '    users.clear()\n    return {'),
    "makes_floats": ('    def number', '    for u in users: u["likes"] = float(u.get("likes", 0))\n    def number'),
    "count_is_text": ('len(active)}', 'str(len(active))}'),
    "count_is_float": ('len(active)}', 'float(len(active))}'),
    "count_is_flag": ('len(active)}', 'bool(active)}'),
    "count_is_missing": (', "active_count": len(active)}', '}'),
    "count_is_of_all": ('len(active)}', 'len(users)}'),
}

PLAIN = "def calculate_user_metrics(users, start_date, end_date):\n"

ODD = {
    "returns_none": PLAIN + "    pass\n",
    "returns_empty_dict": PLAIN + "    return {}\n",
    "returns_list": PLAIN + "    return []\n",
    "returns_number": PLAIN + "    return 0\n",
    "returns_text": PLAIN + "    return 'average_engagement active_count'\n",
    "returns_constants": PLAIN + "    return {'average_engagement': 0, 'top_performers': [], 'active_count': 0}\n",
    "returns_opaque_object": PLAIN + "    return object()\n",
    "returns_the_class": PLAIN + "    return dict\n",
    "returns_nan": PLAIN + "    return {'average_engagement': float('nan'), 'active_count': float('nan')}\n",
    "returns_infinity": PLAIN + "    return {'average_engagement': float('inf'), 'active_count': float('-inf'), 'top_performers': [{}]}\n",
    "returns_huge_number": PLAIN + "    return {'average_engagement': 10 ** 400, 'active_count': -10 ** 400, 'top_performers': [{'posts': 10 ** 400}] * 5}\n",
    "returns_deep": PLAIN + "    x = []\n    for _ in range(500): x = [x]\n    return {'average_engagement': x, 'active_count': 0, 'top_performers': x}\n",
    "returns_itself": PLAIN + "    d = {'active_count': 0}\n    d['average_engagement'] = d\n    return d\n",
    "returns_odd_text": PLAIN + "    return {'average_engagement': '\\ud800\\x00\\u2028\\\\', 'top_performers': [{'posts': '\\udfff'}] * 2, 'active_count': 0}\n",
    "returns_set": PLAIN + "    return {'average_engagement': 0, 'top_performers': {1, 2}, 'active_count': 0}\n",
    "returns_generator": PLAIN + "    return {'average_engagement': 0, 'top_performers': (u for u in users), 'active_count': 0}\n",
    "returns_performers_of_none": PLAIN + "    return {'average_engagement': 0, 'top_performers': [None] * 5, 'active_count': 0}\n",
    "returns_two_numbers": PLAIN + "    return {'average_engagement': 2.95, 'top_performers': [10, 1], 'active_count': 1}\n",
    "returns_first_good_then_number": PLAIN + "    return {'average_engagement': 2.95, 'top_performers': [{'posts': 10}, 7], 'active_count': 1}\n",
    "returns_first_bad_then_number": PLAIN + "    return {'average_engagement': 2.95, 'top_performers': [{'posts': 1}, 7], 'active_count': 1}\n",
    "equal_to_everything": "class E:\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0\n    def __hash__(self): return 1\n" + PLAIN + "    return {'average_engagement': E(), 'top_performers': [{'posts': E()}] * 5, 'active_count': E()}\n",
    "claims_to_be_a_dict": "class D:\n    __class__ = dict\n    def get(self, *a): return 0\n    def __contains__(self, k): return True\n" + PLAIN + "    return D()\n",
    "number_of_own": "class N(int):\n    def __eq__(self, other): return True\n    __hash__ = int.__hash__\n" + PLAIN + "    return {'average_engagement': N(), 'top_performers': [], 'active_count': N()}\n",
    "is_a_lambda": "calculate_user_metrics = lambda users, a, b: {'average_engagement': 2.95, 'active_count': 0}\n",
    "always_raises": PLAIN + "    raise RuntimeError('no')\n",
    "recurses_for_ever": PLAIN + "    return calculate_user_metrics(users, start_date, end_date)\n",
    "counts_its_calls": "n = 0\n" + PLAIN + "    global n\n    n += 1\n    if n % 2: raise ValueError(n)\n    return {'average_engagement': 0, 'active_count': 0}\n",
    "takes_two_arguments": "def calculate_user_metrics(users, dates):\n    return {}\n",
    "exits_at_once": PLAIN + "    raise SystemExit(0)\n",
    "exits_hard_on_none": PLAIN + "    import os\n    if users and users[0].get('posts') is None: os._exit(0)\n    return {'active_count': 0}\n",
    "kills_itself_late": PLAIN + "    import os\n    if len(users) == 100: os.kill(os.getpid(), 9)\n    return {'active_count': 0}\n",
    "runs_out_of_memory": PLAIN + "    if not users: raise MemoryError()\n    return {'active_count': 0}\n",
    "hangs_at_once": PLAIN + "    import time\n    time.sleep(3600)\n",
    "hangs_on_missing_keys": PLAIN + "    import time\n    if users and 'likes' not in users[0]: time.sleep(3600)\n    return {'average_engagement': 1, 'active_count': 0}\n",
    "hangs_on_negative": PLAIN + "    import time\n    if users and users[0].get('posts') == -5: time.sleep(3600)\n    return {'average_engagement': 1, 'active_count': 0}\n",
    "hangs_on_end": PLAIN + "    import time\n    if len(users) == 100: time.sleep(3600)\n    return {'average_engagement': 1, 'active_count': 0}\n",
    "is_no_python": "Here is the function you asked for:\n",
    "is_cut_off": "def calculate_user_metrics(users, start_date, end_date:\n",
    "has_another_name": "def calculate_metrics(users, start_date, end_date):\n    return {}\n",
    "name_is_no_function": "calculate_user_metrics = 5\n",
    "raises_when_loaded": "import no_such_module\n" + PLAIN + "    return {}\n",
    "exits_when_loaded": "import sys\nsys.exit(0)\n",
    "hangs_when_loaded": "import time\ntime.sleep(3600)\n",
    "is_empty": "",
}


def all_implementations():
    sources = {"right": RIGHT, **ODD}
    for name, (old, new) in FAULTS.items():
        assert old in RIGHT, name
        sources[name] = RIGHT.replace(old, new)
    names = list(FAULTS)
    for i, first in enumerate(names):
        for j, second in enumerate(names[:i]):
            source = RIGHT.replace(*FAULTS[first])
            # A tenth of the pairs, so that each fault is in about four.
            if (i + j) % 10 == 0 and FAULTS[second][0] in source:
                sources[first + "+" + second] = source.replace(*FAULTS[second])
    return sources
