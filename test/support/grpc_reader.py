"""Reads one stream with Debian's python3-grpcio and prints each message as a line of JSON, until a line holds a text.

Arguments: address, /package.Service/Method, the request as JSON, the text. The messages' descriptors, a serialized
google.protobuf.FileDescriptorSet, come on standard input.
"""

import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

PATIENCE_SECS = 30


def messages_of(descriptors, service_name, method_name):
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    method = pool.FindServiceByName(service_name).FindMethodByName(method_name)
    return factory.GetPrototype(method.input_type), factory.GetPrototype(method.output_type)


def main():
    address, path, request_json, text = sys.argv[1:]
    _, service_name, method_name = path.split("/")
    request_type, response_type = messages_of(sys.stdin.buffer.read(), service_name, method_name)
    request = json_format.Parse(request_json, request_type())
    codec = {
        "request_serializer": request_type.SerializeToString,
        "response_deserializer": response_type.FromString,
    }
    with grpc.insecure_channel(address) as channel:
        if service_name.startswith("berth."):
            responses = channel.stream_stream(path, **codec)(iter([request]), timeout=PATIENCE_SECS)
        else:
            responses = channel.unary_stream(path, **codec)(request, timeout=PATIENCE_SECS)
        for response in responses:
            line = json_format.MessageToJson(response, indent=None)
            print(line, flush=True)
            if text in line:
                responses.cancel()
                return


main()
