"""JSON Schemas of the custom resources in the chart: only the fields that it uses, strictly.

Sources: KEDA 2.18 `config/crd/bases`, prometheus-operator 0.95 `example/prometheus-operator-crd`.
"""

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string", "minLength": 1}
TEXTS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
DURATION: Schema = {"type": "string", "pattern": r"^\d+(ms|s|m|h|d)$"}


def _object(required: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def _resource(version: str, kind: str, spec: Schema) -> Schema:
    metadata = _object({"name": TEXT, "labels": TEXTS}, {"annotations": TEXTS})
    return _object(
        {
            "apiVersion": {"const": version},
            "kind": {"const": kind},
            "metadata": metadata,
            "spec": spec,
        }
    )


def _trigger(kind: str, metadata: Schema, *, authenticated: bool) -> Schema:
    reference = {"authenticationRef": _object({"name": TEXT})} if authenticated else {}
    return _object({"type": {"const": kind}, "metadata": metadata, **reference})


NUMBER: Schema = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}  # KEDA's metadata are texts
COUNT: Schema = {"type": "integer", "minimum": 0}
SCALED_OBJECT = _resource(
    "keda.sh/v1alpha1",
    "ScaledObject",
    _object(
        {
            "scaleTargetRef": _object({"name": TEXT}),
            "minReplicaCount": COUNT,
            "maxReplicaCount": COUNT,
            "triggers": _list(
                {
                    "oneOf": [
                        _trigger(
                            "prometheus",
                            _object({"serverAddress": TEXT, "query": TEXT, "threshold": NUMBER}),
                            authenticated=False,
                        ),
                        _trigger(
                            "rabbitmq",
                            _object(
                                {
                                    "protocol": {"enum": ["amqp", "http", "auto"]},
                                    "mode": {"enum": ["QueueLength", "MessageRate"]},
                                    "queueName": TEXT,
                                    "value": NUMBER,
                                }
                            ),
                            authenticated=True,
                        ),
                    ]
                }
            ),
        },
        {
            "pollingInterval": COUNT,
            "cooldownPeriod": COUNT,
            "fallback": _object({"failureThreshold": COUNT, "replicas": COUNT}),
            "advanced": _object(
                {
                    "horizontalPodAutoscalerConfig": _object(
                        {
                            "behavior": _object(
                                {
                                    "scaleDown": _object(
                                        {
                                            "stabilizationWindowSeconds": COUNT,
                                            "policies": _list(
                                                _object(
                                                    {
                                                        "type": {"enum": ["Pods", "Percent"]},
                                                        "value": COUNT,
                                                        "periodSeconds": COUNT,
                                                    }
                                                )
                                            ),
                                        }
                                    )
                                }
                            )
                        }
                    )
                }
            ),
        },
    ),
)
TRIGGER_AUTHENTICATION = _resource(
    "keda.sh/v1alpha1",
    "TriggerAuthentication",
    _object({"secretTargetRef": _list(_object({"parameter": TEXT, "name": TEXT, "key": TEXT}))}),
)
SERVICE_MONITOR = _resource(
    "monitoring.coreos.com/v1",
    "ServiceMonitor",
    _object(
        {
            "selector": _object(
                {"matchLabels": TEXTS},
                {
                    "matchExpressions": _list(
                        _object(
                            {"key": TEXT, "operator": {"enum": ["In", "NotIn"]}},
                            {"values": _list(TEXT)},
                        )
                    )
                },
            ),
            "endpoints": _list(
                _object(
                    {"port": TEXT, "path": TEXT, "interval": DURATION},
                    {
                        "authorization": _object(
                            {
                                "type": {"const": "Bearer"},
                                "credentials": _object({"name": TEXT, "key": TEXT}),
                            }
                        )
                    },
                )
            ),
        },
        {"jobLabel": TEXT},
    ),
)

RULE: Schema = _object(
    {"alert": TEXT, "expr": TEXT, "for": DURATION, "labels": TEXTS, "annotations": TEXTS}
)
PROMETHEUS_RULE = _resource(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    _object({"groups": _list(_object({"name": TEXT, "rules": _list(RULE)}))}),
)

SCHEMAS: dict[str, Schema] = {
    "ScaledObject": SCALED_OBJECT,
    "TriggerAuthentication": TRIGGER_AUTHENTICATION,
    "ServiceMonitor": SERVICE_MONITOR,
    "PrometheusRule": PROMETHEUS_RULE,
}
