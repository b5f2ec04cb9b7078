"""The tests of docs/protocol_aws.rst."""

from __future__ import annotations

from tests.claims.model import Claims

TESTS: Claims = {
    "aws": {
        "POST /@connections/{id}": [
            "unit.api.test_aws.TableTests.test_post",
            "unit.api.test_aws.TableTests.test_text",
            "unit.api.test_aws.TableTests.test_connecting",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "GET /@connections/{id}": [
            "unit.api.test_aws.TableTests.test_get",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "DELETE /@connections/{id}": [
            "unit.api.test_aws.TableTests.test_delete",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "GoneException": [
            "unit.api.test_aws.TableTests.test_gone",
            "system.test_aws_sdks.Boto3Tests.test_all",
            "system.test_aws_sdks.JavaScriptTests.test_all",
        ],
        "PayloadTooLargeException": [
            "unit.api.test_aws.TableTests.test_too_large",
            "system.test_aws_sdks.Boto3Tests.test_refusals",
            "system.test_aws_sdks.JavaScriptTests.test_refusals",
        ],
        "LimitExceededException": [
            "unit.api.test_aws.TableTests.test_too_slow",
            "system.test_aws_sdks.Boto3Tests.test_refusals",
            "system.test_aws_sdks.JavaScriptTests.test_refusals",
        ],
        "ForbiddenException": [
            "unit.api.test_aws.OpenTests.test_host",
            "unit.api.test_aws.TokenTests.test_token",
            "unit.api.test_aws.PairTests.test_signature",
            "unit.api.test_aws.BothTests.test_either",
            "system.test_aws_sdks.Boto3Tests.test_refusals",
            "system.test_aws_sdks.JavaScriptTests.test_refusals",
        ],
        "BadRequestException": [
            "unit.api.test_aws.TableTests.test_wrong",
        ],
        "NotFoundException": [
            "unit.api.test_aws.TableTests.test_no_id",
        ],
        "MethodNotAllowedException": [
            "unit.api.test_aws.TableTests.test_no_id",
        ],
        "RequestTimeoutException": [
            "unit.api.test_aws.TableTests.test_wrong",
        ],
        "UnsupportedMediaTypeException": [
            "unit.api.test_aws.TableTests.test_wrong",
        ],
        "InternalServerErrorException": [
            "unit.api.test_aws.TableTests.test_mistake_of_ours",
        ],
        "ServiceUnavailableException": [
            "unit.api.test_aws.ElsewhereTests.test_errors",
        ],
        "OwnerSilentException": [
            "unit.api.test_aws.ElsewhereTests.test_errors",
        ],
    },
}
