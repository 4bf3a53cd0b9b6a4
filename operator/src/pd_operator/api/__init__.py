"""The PDInferenceService resource: types, names, and the CRD generated from them."""
