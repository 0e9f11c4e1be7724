(module (type $t (func)) (table 100001 (ref null $t)) (table 128 (ref null $t)) (table 2 externref) (memory (export "m") 7))
