"""What IAM calls Lambda's operations, and what they are about (AWS's service authorization reference)."""

from __future__ import annotations

from typing import Any

from noria.auth.authorize import Action, Denial, Params
from noria.auth.conditions import request_tags
from noria.context import RequestContext
from noria.errors import AwsError
from noria.policy.match import ContextValue
from noria.services.lambda_.models import function_arn
from noria.services.lambda_.names import resolve

DENIAL = Denial(code="AccessDeniedException", status=403)


def _qualified(ctx: RequestContext, params: Params) -> str:
    """The function's ARN, qualified where the request is. A name that cannot be resolved names no function
    of anybody's; the operation then answers what is wrong with it."""
    name: Any = params.get("function_name")
    try:
        return resolve(ctx, name, params.get("qualifier")).arn
    except AwsError:
        return function_arn(ctx.account, ctx.region, name)


def _function(ctx: RequestContext, params: Params) -> str:
    """The function's ARN, without the qualifier."""
    return ":".join(_qualified(ctx, params).split(":")[:7])


def _any(ctx: RequestContext, params: Params) -> str:
    return "*"


def _layer(ctx: RequestContext, params: Params) -> str:
    """The ARN of a layer, or of its version."""
    name: str = params["layer_name"]
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{ctx.region}:{ctx.account}:layer:{name}"
    version = params.get("version_number")
    return arn if version is None else f"{arn}:{version}"


def _layer_arn(ctx: RequestContext, params: Params) -> str:
    arn: str = params["arn"]
    return arn


def _layers(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    layers: list[str] = params.get("layers") or []
    return {"lambda:Layer": layers} if layers else {}


def _creation(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    return _tags(ctx, params) | _layers(ctx, params) | _signed_by(ctx, params)


def _resource(ctx: RequestContext, params: Params) -> str:
    arn: str = params["resource_arn"]
    return arn


def _signing(ctx: RequestContext, params: Params) -> str:
    arn: str = params["code_signing_config_arn"]
    return arn


def _signed_by(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    arn = params.get("code_signing_config_arn")
    return {"lambda:CodeSigningConfigArn": arn} if arn else {}


def _tagged(ctx: RequestContext, params: Params) -> str:
    arn: str = params["resource"]
    return arn


def _tags(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    return request_tags(params.get("tags"))


def _tag_keys(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    return {"aws:TagKeys": params["tag_keys"]}


def _with_tags(params: Params) -> tuple[str, ...]:
    return ("lambda:TagResource",) if params.get("tags") else ()


def _principal(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    conditions: dict[str, ContextValue] = {"lambda:Principal": params["principal"]}
    if auth_type := params.get("function_url_auth_type"):
        conditions["lambda:FunctionUrlAuthType"] = auth_type
    return conditions


def _url(ctx: RequestContext, params: Params) -> dict[str, ContextValue]:
    conditions: dict[str, ContextValue] = {"lambda:FunctionArn": _qualified(ctx, params)}
    if auth_type := params.get("auth_type"):
        conditions["lambda:FunctionUrlAuthType"] = auth_type
    return conditions


def _of_function(*operations: str) -> dict[str, Action]:
    return {operation: Action(f"lambda:{operation}", _function) for operation in operations}


def _of_qualifier(*operations: str) -> dict[str, Action]:
    return {operation: Action(f"lambda:{operation}", _qualified) for operation in operations}


def _of_layer(*operations: str) -> dict[str, Action]:
    return {operation: Action(f"lambda:{operation}", _layer) for operation in operations}


def _of_nothing(*operations: str) -> dict[str, Action]:
    return {operation: Action(f"lambda:{operation}", _any) for operation in operations}


def _of_signing(*operations: str) -> dict[str, Action]:
    return {operation: Action(f"lambda:{operation}", _signing) for operation in operations}


ACTIONS: dict[str, Action] = {
    **_of_qualifier("GetFunction", "GetFunctionConfiguration", "DeleteFunction"),
    **_of_qualifier("RemovePermission", "GetPolicy", "InvokeAsync"),
    **_of_function("UpdateFunctionCode"),
    "UpdateFunctionConfiguration": Action("lambda:UpdateFunctionConfiguration", _function, _layers),
    **_of_function("PutFunctionRecursionConfig", "GetFunctionRecursionConfig"),
    **_of_function("PutRuntimeManagementConfig", "GetRuntimeManagementConfig"),
    **_of_function("PublishVersion", "ListVersionsByFunction"),
    **_of_function("CreateAlias", "GetAlias", "UpdateAlias", "DeleteAlias", "ListAliases"),
    **_of_function("PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency"),
    "CreateCodeSigningConfig": Action("lambda:CreateCodeSigningConfig", _any, _tags, also=_with_tags),
    **_of_nothing("ListCodeSigningConfigs"),
    **_of_signing("GetCodeSigningConfig", "UpdateCodeSigningConfig", "DeleteCodeSigningConfig"),
    **_of_signing("ListFunctionsByCodeSigningConfig"),
    "PutFunctionCodeSigningConfig": Action("lambda:PutFunctionCodeSigningConfig", _function, _signed_by),
    **_of_function("GetFunctionCodeSigningConfig", "DeleteFunctionCodeSigningConfig"),
    **_of_qualifier("PutProvisionedConcurrencyConfig", "GetProvisionedConcurrencyConfig"),
    **_of_qualifier("DeleteProvisionedConcurrencyConfig"),
    **_of_function("ListProvisionedConcurrencyConfigs"),
    **_of_qualifier("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"),
    **_of_qualifier("GetFunctionEventInvokeConfig", "DeleteFunctionEventInvokeConfig"),
    **_of_function("ListFunctionEventInvokeConfigs"),
    **_of_function("ListFunctionUrlConfigs"),
    "CreateFunctionUrlConfig": Action("lambda:CreateFunctionUrlConfig", _qualified, _url),
    "UpdateFunctionUrlConfig": Action("lambda:UpdateFunctionUrlConfig", _qualified, _url),
    "GetFunctionUrlConfig": Action("lambda:GetFunctionUrlConfig", _qualified, _url),
    "DeleteFunctionUrlConfig": Action("lambda:DeleteFunctionUrlConfig", _qualified, _url),
    **_of_layer("PublishLayerVersion", "GetLayerVersion", "DeleteLayerVersion"),
    **_of_layer("AddLayerVersionPermission", "RemoveLayerVersionPermission", "GetLayerVersionPolicy"),
    "GetLayerVersionByArn": Action("lambda:GetLayerVersion", _layer_arn),
    **_of_nothing("ListFunctions", "GetAccountSettings", "ListLayers", "ListLayerVersions"),
    "CreateFunction": Action("lambda:CreateFunction", _function, _creation, also=_with_tags),
    "Invoke": Action("lambda:InvokeFunction", _qualified),
    "InvokeWithResponseStream": Action("lambda:InvokeFunction", _qualified),
    **{
        operation: Action(f"lambda:{operation}", _resource)
        for operation in ("PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy")
    },
    "AddPermission": Action("lambda:AddPermission", _qualified, _principal),
    "TagResource": Action("lambda:TagResource", _tagged, _tags),
    "UntagResource": Action("lambda:UntagResource", _tagged, _tag_keys),
    "ListTags": Action("lambda:ListTags", _tagged),
}
