package store

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"gorm.io/gorm/logger"
)

// slowStatement is when a statement is worth a line in the log.
const slowStatement = time.Second

// queryLog passes on what gorm has to say. Failed statements are not logged: their error is returned. Values never
// reach the log, since they are people's messages and password hashes.
type queryLog struct{ log func() *slog.Logger }

// LogMode implements logger.Interface; the level is slog's business.
func (q queryLog) LogMode(logger.LogLevel) logger.Interface { return q }

// Info implements logger.Interface.
func (q queryLog) Info(context.Context, string, ...any) {}

// Warn implements logger.Interface.
func (q queryLog) Warn(ctx context.Context, format string, args ...any) {
	q.log().WarnContext(ctx, "gorm", "note", fmt.Sprintf(format, args...))
}

// Error implements logger.Interface.
func (q queryLog) Error(ctx context.Context, format string, args ...any) {
	q.Warn(ctx, format, args...)
}

// Trace implements logger.Interface.
func (q queryLog) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), _ error) {
	took := time.Since(begin)
	if took < slowStatement || !q.log().Enabled(ctx, slog.LevelWarn) {
		return
	}
	text, rows := statement()
	q.log().WarnContext(ctx, "slow statement", "sql", text, "rows", rows, "took", took)
}

// ParamsFilter implements gorm.ParamsFilter: the statement with its placeholders.
func (q queryLog) ParamsFilter(_ context.Context, text string, _ ...any) (string, []any) {
	return text, nil
}
