"""What stands between a store and an S3 service in tests, and what the bucket holds."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MIB = 1 << 20


class Between:
    """Passes requests on to the S3 service, but for those that `fault` deals with itself (and returns true)."""

    def __init__(self, port):
        self.fault = lambda _handler: False
        self.over = threading.Event()
        between = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(length)
                if not between.fault(self):
                    self.pass_on()

            def pass_on(self, *, silently=False):
                upstream = http.client.HTTPConnection("127.0.0.1", port)
                upstream.request(self.command, self.path, self.body, dict(self.headers))
                answer = upstream.getresponse()
                content = answer.read()
                upstream.close()
                if silently:
                    self.close_connection = True
                    return
                headers = {k: v for k, v in answer.getheaders() if k.lower() not in {"connection", "date"}}
                self.send(answer.status, content, headers)

            def send(self, status, content, headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815  the library's names

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
