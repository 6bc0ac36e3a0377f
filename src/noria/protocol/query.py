"""The Query protocol: ``Action`` and ``Version`` beside the members in a form, answers in XML (IAM, STS)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from noria.errors import AwsError
from noria.http.types import Request, Response
from noria.protocol import formvalues
from noria.protocol.codec import Route
from noria.protocol.errors import malformed_input
from noria.protocol.models import Operation, ServiceModel
from noria.protocol.xmlvalues import Write, XmlWriters, escape

# AWS answers what its frame refuses in a namespace of the frame's own.
_FRAME_NAMESPACE = "http://webservices.amazon.com/AWSFault/2005-15-09"
MAX_FORM_BYTES = 10_000_000  # as STS takes; it is read before anyone has proven who they are

_FRAME_ERRORS = frozenset({"InvalidAction"})


def parameters(request: Request) -> dict[str, str]:
    """The form's parameters; those of the address where the body is no form. Raises AwsError."""
    sent = request.body if request.method == "POST" else b""
    if b"Action=" not in sent and request.query:
        sent = request.query.encode("latin-1")
    if len(sent) > MAX_FORM_BYTES:
        raise AwsError("RequestEntityTooLarge", f"The form is longer than {MAX_FORM_BYTES} bytes", 413)
    try:
        return formvalues.parse(sent.decode())
    except UnicodeDecodeError as error:
        raise malformed_input("The parameters are not UTF-8") from error


class QueryCodec:
    """See `codec.Codec`."""

    protocol = "query"

    def __init__(self, service: ServiceModel) -> None:
        self.service = service
        self._readers = formvalues.FormReaders()
        self._writers = XmlWriters()
        self._decoders: dict[str, Callable[[formvalues.Tree], dict[str, Any]]] = {}
        self._encoders: dict[str, Write] = {}

    def route(self, request: Request) -> Route:
        return self._route(request, default_version="NO_VERSION_SPECIFIED")

    def _route(self, request: Request, default_version: str) -> Route:
        sent = parameters(request)
        action = sent.get("Action")
        if action is None:
            raise AwsError("MissingAction", "The request is missing an action or a required parameter.")
        version = sent.get("Version", default_version)
        operation = self.service.operation(action) if version == self.service.api_version else None
        if operation is None:
            raise AwsError("InvalidAction", f"Could not find operation {action} for version {version}")
        return Route(operation, {})

    def decode(self, request: Request, operation: Operation, uri_params: Mapping[str, str]) -> dict[str, Any]:
        decoder = self._decoders.get(operation.name)
        if decoder is None:
            decoder = self._readers.members(operation.arguments.items())
            self._decoders[operation.name] = decoder
        return decoder(formvalues.tree(parameters(request)))

    def encode(self, operation: Operation, result: Mapping[str, Any], request_id: str) -> Response:
        out = [f'<{operation.name}Response xmlns="{self.service.xml_namespace}">']
        if operation.output is not None:
            encoder = self._encoders.get(operation.name)
            if encoder is None:
                encoder = self._encoders[operation.name] = self._writers.members(operation.output)
            wrapper = operation.result_wrapper or f"{operation.name}Result"
            out.append(f"<{wrapper}>")
            encoder(out, result)
            out.append(f"</{wrapper}>")
        out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
        out.append(f"</{operation.name}Response>")
        return _response(200, "".join(out), request_id)

    def encode_error(self, error: AwsError, request_id: str) -> Response:
        code = self._wire_code(error)
        namespace = _FRAME_NAMESPACE if code in _FRAME_ERRORS else self.service.xml_namespace
        message = f"<Message>{escape(error.message)}</Message>" if error.message else ""
        if self.service.name == "sqs":  # which has an element more
            message += "<Detail/>"
        document = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{error.fault}</Type><Code>{escape(code)}</Code>'
            f"{message}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return _response(error.status, document, request_id)

    def _wire_code(self, error: AwsError) -> str:
        """The code that the model gives to the shape: NoSuchEntityException is sent as ``NoSuchEntity``."""
        if error.query_code != error.code:
            return error.query_code
        shape = self.service.error_shape(error.code)
        return str(shape.error.get("code", error.code)) if shape else error.code


def _response(status: int, document: str, request_id: str) -> Response:
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml")]
    return Response(status, document.encode(), headers)
