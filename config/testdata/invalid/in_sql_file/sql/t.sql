SELECT *
-- ERROR-BELOW unknown-reference: no source is called "oders"
FROM ${source.oders}
