(module (func $f) (table 1 funcref (ref.func $f)) (table 4 funcref) (table 100001 200000 funcref) (func (export "run") (param i32)))
