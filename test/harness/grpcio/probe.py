"""The Python side of test/e2e/foreign-grpcio.test.ts: `probe.py serve`, or `probe.py call PORT`. Messages are plain bytes."""

import sys
import threading
import time
from concurrent import futures

import grpc

PATH = "/probe.v1.Probe/"
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
cancelled = threading.Event()
waiting = threading.Event()


def unary(request, context):
    metadata = dict(context.invocation_metadata())
    if "x-in" in metadata:
        context.send_initial_metadata((("x-head", metadata["x-in"]), ("x-head-bin", metadata["x-in-bin"])))
    context.set_trailing_metadata((("x-tail", "t"), ("x-tail-bin", b"\x00\xff")))
    if request == b"fail":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "failed as asked: é %")
    if request == b"deadline":
        left = context.time_remaining()
        return b"none" if left is None else str(int(left)).encode()
    if request == b"wait":
        waiting.set()
        context.add_callback(cancelled.set)
        time.sleep(20) if not cancelled.wait(20) else None
    if request == b"was cancelled":
        return b"unknown" if not waiting.is_set() else b"yes" if cancelled.wait(10) else b"no"
    return request


def server_stream(request, context):
    for number in range(int(request)):
        yield number.to_bytes(4, "big") * 1000


def client_stream(requests, context):
    sizes = [len(request) for request in requests]
    return f"{len(sizes)} {sum(sizes)}".encode()


def bidi(requests, context):
    yield from requests


def serve():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), options=OPTIONS)
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
        "ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
        "Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("probe.v1.Probe", handlers),))
    print("port", server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


def check(name, ok):
    print(("ok " if ok else "FAILED ") + name, flush=True)


def call(port):
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=OPTIONS)
    to = (("dapr-app-id", "callee"),)
    one = channel.unary_unary(PATH + "Unary")
    answer, rpc = one.with_call(b"hello", metadata=to + (("x-in", "v"), ("x-in-bin", b"\x00\x01\xfe")), timeout=20)
    head, tail = dict(rpc.initial_metadata()), dict(rpc.trailing_metadata())
    check("unary", answer == b"hello")
    check("metadata", head.get("x-head") == "v" and head.get("x-head-bin") == b"\x00\x01\xfe")
    check("trailers", tail.get("x-tail") == "t" and tail.get("x-tail-bin") == b"\x00\xff")
    large = b"x" * (20 << 20)
    check("large messages", one(large, metadata=to, timeout=60) == large)
    try:
        one(b"fail", metadata=to, timeout=20)
        check("status", False)
    except grpc.RpcError as error:
        same = error.code() == grpc.StatusCode.FAILED_PRECONDITION and error.details() == "failed as asked: é %"
        check("status", same and dict(error.trailing_metadata()).get("x-tail") == "t")
    left = one(b"deadline", metadata=to, timeout=30)
    check("deadline reaches the app", left != b"none" and 0 < int(left) <= 30)
    ended = b"unknown"
    codes = []
    # On a busy machine a call may be late for its deadline: then it gets a longer one.
    for limit in (0.5, 2, 8):
        try:
            one(b"wait", metadata=to, timeout=limit)
            codes.append(None)
        except grpc.RpcError as error:
            codes.append(error.code())
        ended = one(b"was cancelled", metadata=to, timeout=20)
        if ended != b"unknown":
            break
    check("deadline ends the call", set(codes) == {grpc.StatusCode.DEADLINE_EXCEEDED})
    check("cancellation reaches the app", ended == b"yes")
    many = channel.unary_stream(PATH + "ServerStream")
    taken = [int.from_bytes(part[:4], "big") for part in many(b"500", metadata=to, timeout=60)]
    check("server stream", taken == list(range(500)))
    total = channel.stream_unary(PATH + "ClientStream")
    sent = total((b"y" * 5000 for _ in range(300)), metadata=to, timeout=60)
    check("client stream", sent == b"300 1500000")
    both = channel.stream_stream(PATH + "Bidi")
    parts = [str(number).encode() for number in range(200)]
    check("both at once", list(both(iter(parts), metadata=to, timeout=60)) == parts)
    stream = both(iter(lambda: time.sleep(0.01) or b"z", None), metadata=to, timeout=60)
    next(stream)
    stream.cancel()
    try:
        next(stream)
        check("cancelled stream", False)
    except grpc.RpcError as error:
        check("cancelled stream", error.code() == grpc.StatusCode.CANCELLED)
    print("done", flush=True)


if sys.argv[1] == "serve":
    serve()
else:
    call(sys.argv[2])
