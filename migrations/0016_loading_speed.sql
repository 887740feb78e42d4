-- The sum of bigint as bigint; it fails where the sum does not fit. sum() adds in 128 bits and answers numeric, which costs
-- the fold several times as much.
create aggregate cdm.total(bigint) (sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe);
