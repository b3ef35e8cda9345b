"""Runs inside the sandbox as `python3 -I -S -B -c`: loads a candidate's module and calls its function.

Standard input holds numbers and texts, each a 32-bit little-endian size and that many bytes: the output
limit in decimal, the source, the function's name, then each call's arguments (a JSON array). Answers go
to descriptor 3 as frames of frames.h. What is needed of the library is taken before the candidate's
module runs, and nothing here calls a method that the candidate could have defined, but for str() of its
exceptions. Still the module shares this interpreter and can break all of it: the reader of the frames
believes nothing.
"""


def _main():
    import _collections
    import _json
    import posix
    import sys

    bytes_, str_, len_, type_, isinstance_ = bytes, str, len, type, isinstance
    list_, tuple_, dict_, int_, float_ = list, tuple, dict, int, float
    # SystemError is what CPython 3.11 makes of memory that ends in a deep recursion.
    ended = (SystemExit, MemoryError, KeyboardInterrupt, GeneratorExit, SystemError)
    raised, exception, recursion = BaseException, Exception, RecursionError
    value_error, unicode_error = ValueError, UnicodeEncodeError
    write, leave = posix.write, posix._exit
    set_recursion, get_recursion = sys.setrecursionlimit, sys.getrecursionlimit
    quote, name_of = _json.encode_basestring, type_.__dict__["__name__"].__get__
    dicts = (dict, _collections.defaultdict, _collections.OrderedDict)
    items, int_text, float_text, bits = dict.items, int.__repr__, float.__repr__, int.bit_length
    callable_, compile_, exec_, memory = callable, compile, exec, memoryview
    depth_max, error_max, own_recursion = 32, 500, get_recursion()

    def no_constant(text):
        raise value_error(text)

    class Context:
        strict, object_hook, object_pairs_hook, memo = True, None, None, {}
        parse_float, parse_int, parse_constant = float, int, no_constant

    scan = _json.make_scanner(Context())
    stdin = b""
    while True:
        piece = posix.read(0, 1 << 20)
        if not piece:
            break
        stdin += piece
    parts, at = [], 0
    while at < len_(stdin):
        size = int.from_bytes(stdin[at : at + 4], "little")
        parts.append(stdin[at + 4 : at + 4 + size])
        at += 4 + size
    limit, source, function = int(parts[0]), parts[1], parts[2].decode()
    calls = [part.decode() for part in parts[3:]]
    del stdin, parts

    class Limit(Exception):
        pass

    budget = limit

    def send(kind, first=b"", second=b""):
        nonlocal budget
        size = 9 + len_(first) + len_(second)
        budget -= size
        if budget < 0:
            first, second = b"the output's limit", b""
            kind, size = b"K", 9 + len_(first)
        frame = kind + len_(first).to_bytes(4, "little") + len_(second).to_bytes(4, "little") + first + second
        view = memory(frame)
        while len_(view):
            view = view[write(3, view) :]
        if kind != b"L" and kind != b"V" and kind != b"X":
            leave(0)

    def to_bytes(text):
        try:
            return str_.encode(text, "utf-8")
        except unicode_error:
            return str_.encode(text, "utf-8", "replace")

    def stand_in(value):
        return b'{"$type":' + to_bytes(quote(name_of(type_(value)))) + b"}"

    def to_json(value):
        out, left = [], budget

        def add(piece):
            nonlocal left
            left -= len_(piece)
            if left < 0:
                raise Limit
            out.append(piece)

        def put(item, depth):
            kind = type_(item)
            if item is None:
                add(b"null")
            elif item is True:
                add(b"true")
            elif item is False:
                add(b"false")
            elif kind is str_:
                if len_(item) > left:
                    raise Limit
                add(to_bytes(quote(item)))
            elif kind is int_ and bits(item) <= 1000:
                add(int_text(item).encode())
            elif kind is float_ and item - item == 0.0:
                add(float_text(item).encode())
            elif (kind is list_ or kind is tuple_) and depth < depth_max:
                put_list(item, depth + 1)
            elif kind in dicts and depth < depth_max:
                put_dict(item, depth + 1)
            else:
                add(stand_in(item))

        def put_list(item, depth):
            lead = b"["
            add(b"[" if not len_(item) else b"")
            for element in item:
                add(lead)
                put(element, depth)
                lead = b","
            add(b"]")

        def put_dict(item, depth):
            others = 0
            lead = b"{"
            for key, element in items(item):
                if type_(key) is not str_:
                    others += 1
                    continue
                add(lead)
                put(key, depth)
                add(b":")
                put(element, depth)
                lead = b","
            if others:
                add(lead + b'"$others":' + int_text(others).encode())
            add(b"}" if others or lead == b"," else b"{}")

        put(value, 0)
        return b"".join(out)

    def describe(error):
        try:
            text = str_(error)
            text = text[:error_max] if type_(text) is str_ else ""
        except raised:
            text = ""
        name = name_of(type_(error))
        return to_bytes(name + ": " + text if text else name)[: error_max * 4]

    def compiled():
        try:
            return compile_(source.decode("utf-8-sig"), "candidate.py", "exec", dont_inherit=True)
        except ended as error:
            send(b"K", describe(error))
        except raised as error:
            send(b"S", describe(error))

    module = type_(sys)("candidate")
    sys.modules["candidate"] = module
    sys.argv = ["candidate.py"]
    space = module.__dict__
    code = compiled()
    try:
        exec_(code, space)
    except exception as error:
        send(b"K" if isinstance_(error, ended) else b"M", describe(error))
    except raised as error:
        send(b"K", describe(error))
    its_recursion = get_recursion()
    set_recursion(own_recursion)
    called = dict_.get(space, function)
    if not callable_(called):
        send(b"N", to_bytes("the program has no function " + function))
    send(b"L")

    def arguments_of(text):
        text = text.strip(" \t\r\n")
        try:
            arguments, end = scan(text, 0)
        except StopIteration:
            end = -1
        if end != len_(text) or type_(arguments) is not list_:
            raise value_error("the arguments are no JSON array")
        return arguments

    def run(text):
        nonlocal its_recursion
        failure = result = None
        try:
            arguments = arguments_of(text)
        except exception as error:
            send(b"X", describe(error), b"[]")
            return
        try:
            set_recursion(its_recursion)
            result = called(*arguments)
        except exception as error:
            failure = describe(error)
            if isinstance_(error, ended):
                send(b"K", failure)
        except raised as error:
            send(b"K", describe(error))
        its_recursion = get_recursion()
        set_recursion(own_recursion)
        try:
            after = to_json(arguments)
            if failure is None:
                send(b"V", to_json(result), after)
            else:
                send(b"X", failure, after)
        except (Limit, recursion) as error:
            send(b"K", b"the output's limit" if type_(error) is Limit else describe(error))
        except ended as error:
            send(b"K", describe(error))

    for text in calls:
        run(text)
    leave(0)


_main()
