"""A web server on this computer that serves one file, as well or as badly as it is told to."""

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass
class FileServer:
    """Serves `content` at `url` while the context lasts.

    Attributes:
        ranges: whether it honours Range.
        cut_after: of each answer in turn, bytes after which the connection is cut.
        codes: of each answer in turn, an HTTP code instead of the file.
        seen_ranges: of each request, its Range, "" where it had none.
    """

    content: bytes
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    seen_ranges: list[str] = field(default_factory=list)
    hang_after: int | None = None

    def __enter__(self) -> Self:
        self.going_on = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/file"
        return self

    def __exit__(self, *error: object) -> None:
        self.going_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.close_connection = True
                asked = self.headers.get("Range", "")
                served.seen_ranges.append(asked)
                if served.codes:
                    self.send_error(served.codes.pop(0))
                    return
                start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and served.ranges else 0
                if start >= len(served.content) > 0:
                    self.send_error(416)
                    return
                body = served.content[start:]
                self.send_response(206 if start else 200)
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(served.content) - 1}/{len(served.content)}")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if served.hang_after is not None:
                    self.wfile.write(body[: served.hang_after])
                    self.wfile.flush()
                    served.going_on.wait()
                    return
                self.wfile.write(body[: served.cut_after.pop(0)] if served.cut_after else body)

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler
