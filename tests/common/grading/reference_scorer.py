"""The challenge's table as a Python program, on purpose written without a look at the grader: it makes its own inputs,
calls the function itself and knows nothing of rules, paths and JSON. What both agree on is the table's meaning.

Source of all points: the table of the challenge's checks (docs/grading.md, "The challenge")."""

import copy

import forked

START, END = "2024-01-01", "2024-01-31"


def user(posts=10, comments=5, likes=20, days=10, login="2024-01-15"):
    return {"last_login": login, "posts": posts, "comments": comments, "likes": likes, "days_active": days}


class Foreign:
    """A value of a type that a grader does not know, and a key that is missing: equals nothing."""
    def __eq__(self, other):
        return False
    __hash__ = object.__hash__


def plain(value, depth=0):
    """Only what is exactly of a plain type can be compared: an object that says it equals everything cannot."""
    if depth > 32:
        return Foreign()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in (list, tuple):
        return [plain(item, depth + 1) for item in value]
    if type(value) is dict:
        return {key: plain(item, depth + 1) for key, item in value.items()}
    return Foreign()


def read(result, key):
    if not isinstance(result, dict):
        raise TypeError("no dict")
    return result.get(key, Foreign())


def top_of(result):
    if not isinstance(result, dict):
        raise TypeError("no dict")
    top = result.get("top_performers", [])
    if not isinstance(top, list):
        raise TypeError("no list")
    return top


def near(value, wanted):
    return isinstance(value, (int, float)) and wanted - 0.01 <= value <= wanted + 0.01


def division_by_zero(call):
    result = call([user(days=0)], START, END)
    return 20 if isinstance(result, dict) and "average_engagement" in result else 5


def empty_list(call):
    result = call([], START, END)
    return 15 if isinstance(result, dict) and read(result, "active_count") == 0 else 5


def missing_keys(call):
    call([{"last_login": "2024-01-15", "posts": 10}], START, END)
    return 15


def average(call):
    value = read(call([user(100, 50, 200, 30, "2023-12-15"), user()], START, END), "average_engagement")
    return 15 if near(value, 2.95) else 0 if near(value, 14.75) else 5


def sorting(call):
    top = top_of(call([user(n, n, n) for n in (1, 10, 5)], START, END))
    if not top:
        return 0
    if read(top[0], "posts") == 10:
        return 10
    return 0 if read(top[-1], "posts") == 10 else 5


def no_active(call):
    result = call([user(login="2023-12-15")], START, END)
    return 10 if read(result, "active_count") == 0 and read(result, "average_engagement") == 0 else 5


def mutation(call):
    users = [user()]
    before = copy.deepcopy(users)
    call(users, START, END)
    same = users == before and all(type(users[0][key]) is type(before[0][key]) for key in before[0])
    return 8 if same else 0


def less_than_five(call):
    return 5 if len(top_of(call([user(), user(20, 10, 40)], START, END))) == 2 else 0


def invalid_dates(call):
    try:
        return 5 if read(call([user()], END, START), "active_count") == 0 else 3
    except Exception:
        return 2


def robust(call):
    passed = 0
    for posts in (None, -5, "10"):
        try:
            call([user(posts=posts)], START, END)
            passed += 1
        except Exception:
            pass
    return {3: 7, 2: 4, 1: 2, 0: 0}[passed]


def efficient(call):
    top = top_of(call([user(n, n, n) for n in range(100)], START, END))
    if len(top) < 5:
        return 2
    if len(top) > 5:
        return 0
    posts = [read(each, "posts") for each in top]
    if posts == [99, 98, 97, 96, 95]:
        return 10
    distinct = all(a != b for i, a in enumerate(posts) for b in posts[:i])
    return 8 if distinct and any(each == 99 for each in posts) else 3


CHECKS = [
    ("handles_division_by_zero", division_by_zero), ("handles_empty_users_list", empty_list),
    ("handles_missing_keys", missing_keys), ("correct_average_calculation", average),
    ("correct_sorting_direction", sorting), ("handles_no_active_users", no_active),
    ("doesnt_mutate_input", mutation), ("handles_less_than_5_users", less_than_five),
    ("handles_invalid_dates", invalid_dates), ("robust_error_handling", robust),
    ("efficient_implementation", efficient),
]


def score(source):
    """{check: points}, all 0 for what is no such function and for a process that ended."""
    def body(report):
        module = {}
        exec(compile(source, "answer", "exec"), module)
        function = module["calculate_user_metrics"]
        if not callable(function):
            return

        def call(*arguments):
            try:
                return plain(function(*arguments))
            except MemoryError:
                raise SystemExit

        for _, check in CHECKS:
            try:
                report(check(call))
            except Exception:
                report(0)

    points, end = forked.run(body)
    if end == "killed":
        points = []
    points += [0] * (len(CHECKS) - len(points))
    return {name: each for (name, _), each in zip(CHECKS, points)}
