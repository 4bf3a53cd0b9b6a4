"""Kinds that only people's commands look at: the operator has no right to them."""

from pd_operator.actuation.kinds import Kind

CRD = Kind("CustomResourceDefinition", "apiextensions.k8s.io/v1", "customresourcedefinitions")
NODE = Kind("Node", "v1", "nodes")
SELF_SUBJECT_REVIEW = Kind("SelfSubjectReview", "authentication.k8s.io/v1", "selfsubjectreviews")
SELF_SUBJECT_ACCESS_REVIEW = Kind(
    "SelfSubjectAccessReview", "authorization.k8s.io/v1", "selfsubjectaccessreviews"
)
