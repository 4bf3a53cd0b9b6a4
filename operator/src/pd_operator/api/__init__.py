"""The PDInferenceService resource: types, names, and the CRD generated from them.

What a user writes, and what stands in the status, belongs here, with the labels, annotations and
ports that others agree on. Nothing here ever reads a cluster, a clock or a metric, or knows another
package: all of them know this one.
"""
