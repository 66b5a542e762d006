"""Operations on packed rows: GELU, dropout, rounding, neighbours."""
