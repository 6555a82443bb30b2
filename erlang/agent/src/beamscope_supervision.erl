%% @doc The supervision tree of this node, or of one supervisor, a page at a time. The same source runs loaded and
%% interpreted; see beamscope_processes.erl for what that asks of it.
%%
%% Only a process that says of itself that it is a supervisor of OTP's is asked for children: any other gen_server would
%% not survive the question. Of what serves as a supervisor and is none, they are read from its links. None is waited for
%% that is busy. One with many children, which it has processes for or takes much heap for, is not asked for them either,
%% since it would build a list of them all: who they are is read from its links. How one is asked, and
%% whether it may be, is in beamscope_supervisor.hrl. A process that stands in several places is opened in one of them. Where
%% the tree begins at one supervisor, all of its children are sought and ranked, however many; those behind the first have
%% rows on their pages only. None is asked to count them: a supervisor with a child on another node does not survive that
%% (is_process_alive/1 in supervisor.erl, OTP 25). The supervisors at the top are found without a word to the application
%% controller, which may be starting something.
-module(beamscope_supervision).

-export([tree/1]).

-export_type([spec/0, row/0, supervisor/0]).

%% Milliseconds for which a busy supervisor is looked at again.
-define(PATIENCE, 60).
%% Children of the supervisor that a tree begins with up to which it is asked for them.
-define(ASKED_CHILDREN, 10000).
%% Rows whose processes are asked between two looks at the clock.
-define(LOOKED_AT, 50).
%% Frames that a stack shows, if nobody has changed that.
-define(SHOWN_FRAMES, 8).
%% Supervisors that are asked for their restarts where all are, those of a portion, and milliseconds of rest behind one.
-define(ASKED, 1000).
-define(ASK_PORTION, 20).
-define(ASK_PAUSE, 2).
%% Linked processes that may have started one of which nothing tells who did.
-define(STARTERS, 5).

-type spec() :: #{
    %% Where the tree begins: a process, or the name of a process or an application. By default at the supervisors of
    %% all running applications.
    root => pid() | atom() | binary(),
    %% Levels of rows.
    depth := pos_integer(),
    %% Children of one supervisor up to which each is listed; of more, the first so many. Of the one that the tree begins
    %% with all are, if it alone is the root; but supervisors behind the first so many are not opened.
    children := pos_integer(),
    %% Milliseconds that a supervisor has for an answer.
    call_ms := pos_integer(),
    %% Words of heap of a supervisor up to which its state is asked for, which tells its strategy and its restarts, if its
    %% children explain them.
    state_heap := non_neg_integer(),
    %% The same of the process that the tree begins with, if it is one: up to this heap its dictionary is read, and it is asked
    %% for its children and its state, whatever they share.
    permitted_heap => non_neg_integer(),
    %% Words of heap of what seems to be a supervisor up to which its dictionary is read, where one key of it cannot be
    %% (before OTP 26.2): see `dictionary_words'.
    dictionary_heap := non_neg_integer(),
    %% With `restarts', or with `min_restarts', every supervisor is asked for them, and not only those on the page.
    sort := tree | memory | message_queue | restarts,
    %% Filters, all of which must hold. What finds a part of an id, a registered name or a module: see beamscope_pattern.hrl.
    pattern => binary(),
    child => pid(),
    type => worker | supervisor,
    status => running | restarting | undefined | remote,
    min_restarts => pos_integer(),
    order := ascending | descending,
    limit := pos_integer(),
    deadline_ms := non_neg_integer(),
    'after' => binary()
}.

-type row() :: #{
    %% From 1 on.
    depth := pos_integer(),
    %% Cut where it is large; then with `id_is => cut'. `undefined' with `id_is => unknown' where nobody was asked for it.
    id := term(),
    id_is => cut | unknown,
    %% Ids above it, the outermost first.
    above := [term()],
    %% What the supervisor has in its place: `undefined' and `restarting' come without a process.
    status := running | restarting | undefined | remote,
    pid => pid(),
    type := worker | supervisor,
    %% Its parent calls it a worker, but it is a supervisor.
    called => worker,
    %% The process has another row, nearer to the top or before this one: that one tells what is below it.
    again => true,
    modules := [module()] | dynamic,
    name => atom(),
    messages => non_neg_integer(),
    memory => non_neg_integer(),
    %% It was found in the code of a behaviour that tells its state.
    serves => true,
    %% What it is was not read, since its heap or its queue is large; or it serves as a supervisor, but is no process of
    %% OTP's kind.
    not_asked => unread | other,
    supervisor => supervisor()
}.

-type supervisor() :: #{
    callback := module(),
    %% It serves as a supervisor but is none of OTP's, which would not survive the question: its children are those that
    %% it is linked to. A `bridge' has no others.
    not_asked => bridge | other,
    %% It was not asked since it was busy, or was and gave no answer in time.
    busy => {Status :: atom(), Messages :: non_neg_integer(), mfa()},
    unanswered => true,
    %% Not of one that was not opened.
    children => non_neg_integer(),
    %% Those with a process. Where it was not asked, the processes that it is linked to.
    active => non_neg_integer(),
    %% How many of its children have rows.
    listed => non_neg_integer(),
    children_memory => non_neg_integer(),
    children_messages => non_neg_integer(),
    %% Children that were summed, where time ran out.
    summed => non_neg_integer(),
    strategy => atom(),
    intensity => non_neg_integer(),
    %% Seconds.
    period => pos_integer(),
    %% Restarts in the last period.
    restarts => non_neg_integer(),
    %% It was asked for them, answer or not.
    asked => true,
    %% Words of a heap that was too large to ask for the state.
    large => non_neg_integer()
}.

-include("beamscope_listing.hrl").
-include("beamscope_pattern.hrl").
-include("beamscope_cut.hrl").
-include("beamscope_rest.hrl").
-include("beamscope_scan.hrl").
-include("beamscope_supervises.hrl").
-include("beamscope_callback.hrl").
-include("beamscope_within.hrl").
-include("beamscope_idle.hrl").
-include("beamscope_apart.hrl").
-include("beamscope_copies.hrl").
-include("beamscope_supervisor.hrl").
-include("beamscope_origin.hrl").

%% @doc The rows of a tree: see `listed'. Where there is a root, it has a row, but `total' and `matched' count what is
%% below it: with a depth of 1, which lists none of that, the processes that it is linked to. `supervisors' are those
%% that run; `restarts', where all were asked, is `{Told, Restarted}': how many of them told their restarts, and how many
%% of those had some. Raises `no_root' where nothing has the name, `ended' where the process has, `unread' with the words of
%% its heap where nothing may be read of it, `not_a_supervisor' with what it is, where it is none, and the application that it belongs to. Where time ran out before all children of the root were looked
%% at, `looked' is how many were, `{Seen, Children}'.
-spec tree(spec()) -> binary().
tree(#{deadline_ms := Deadline} = Spec) ->
    Until = now_ms() + Deadline,
    Bounded = Spec#{until => Until, gate => gate(), seen => #{}},
    Roots = roots(Bounded),
    IsRooted = is_map_key(root, Spec),
    Permitted = [Pid || IsRooted, #{pid := Pid} <- Roots],
    Timed = Bounded#{wide => IsRooted andalso length(Roots) =:= 1, permitted => Permitted},
    {Walked, Missing} = walk(Roots, [], [], Timed),
    Running = lists:sort([Path || {Path, #{type := supervisor, status := running} = Row} <- maps:to_list(Walked), not is_map_key(again, Row)]),
    {Rows, Restarts} = with_restarts(Running, Walked, Timed),
    {Keys, Late} = keys(lists:sort(maps:to_list(Rows)), Timed),
    {Crowd, Found, Unread, Unseen} = crowd(Rows, Timed),
    {Page, Next} = page(Found ++ Keys, Spec),
    alike(Rows, Spec),
    Closed = closed(maps:values(Rows), Timed),
    Told = maps:merge(Restarts, Unseen),
    packed(Told#{
        total => children(maps:keys(Rows), Spec) + Closed + length(Crowd),
        matched => children([Path || {_, Path} <- Keys], Spec) + hd([0 || is_filtered(Spec)] ++ [Closed]) + maps:get(matched, Unseen),
        roots => roots_among(maps:keys(Rows), Keys, Spec),
        rows => [{Key, told(row(element(2, Key), Rows, Timed), Timed)} || Key <- Page],
        next => Next,
        incomplete => lists:usort(Late ++ Unread ++ Missing),
        supervisors => length(Running)
    }).

%% Raises `changed' where the page before had its position among children that were told, and they are read from links now,
%% or the other way round: they have another order, and none or others would follow.
alike(#{[1] := #{supervisor := #{children := _} = Facts}}, #{'after' := Packed}) ->
    case binary_to_term(Packed, [safe]) of
        {_, [1, Child | _]} when is_pid(Child) =/= is_map_key(crowd, Facts) -> error(changed);
        _ -> ok
    end;
alike(_, _) ->
    ok.

%% A row that the walk has made, or that of a child of the root behind the first, which its pid stands for.
row(Path, Rows, _) when is_map_key(Path, Rows) ->
    map_get(Path, Rows);
row([1, Pid], #{[1] := #{id := Id, above := Above, supervisor := Supervisor}}, Spec) ->
    {Callback, _} = origin(Pid, [], Spec),
    [Row] = by_pid(numbered([{undefined, Pid, type(Callback, worker), modules(Callback), []}], [1], Above ++ [Id], 0)),
    hd(from_links([Row], [Pid || Callback =:= unread], Supervisor)).

%% The children of the root that have no rows, the keys of the first on the page of those that pass, `unread' where a filter
%% did not see what some are, how many pass, and of how many that is known.
crowd(#{[1] := #{supervisor := #{crowd := Crowd}}}, #{limit := Limit, sort := Sort} = Spec) ->
    Step = fun(Pids, {Seen, Matched, Best, Missing}) ->
        {Passing, Unread} = passing(Pids, Spec),
        %% In the order of the tree none that follows comes before those that there are.
        IsFull = Sort =:= tree andalso length(Best) > Limit,
        {First, _} =
            case IsFull of
                true -> {Best, none};
                false -> page(crowd_keys(Passing, Spec) ++ Best, Spec#{limit := Limit + 1})
            end,
        {Seen + length(Pids), Matched + length(Passing), First, lists:usort(Unread ++ Missing)}
    end,
    case scan(fun thousand/1, Crowd, Spec, Step, {0, 0, [], []}) of
        {{_, Matched, Best, Missing}, []} ->
            {Crowd, Best, Missing, #{matched => Matched}};
        {{Seen, Matched, Best, Missing}, _} ->
            {Crowd, Best, Missing, #{matched => Matched, looked => {Seen, length(Crowd)}}}
    end;
crowd(_, _) ->
    {[], [], [], #{matched => 0}}.

%% With list BIFs, since there may be very many.
crowd_keys(Pids, #{sort := Sort}) ->
    Keys = ets:match_spec_compile([{{'$1', '$2'}, [], [{{'$1', [1, '$2']}}]}]),
    case Sort of
        tree -> [{[1, Pid], [1, Pid]} || Pid <- Pids];
        restarts -> ets:match_spec_run(lists:zip(lists:duplicate(length(Pids), -1), Pids), Keys);
        message_queue -> ets:match_spec_run(valued(Pids, message_queue_len), Keys);
        memory ->
            Short = short(Pids),
            Long = Pids -- Short,
            ets:match_spec_run(valued(Short, memory) ++ lists:zip(lists:duplicate(length(Long), 0), Long), Keys)
    end.

%% `{Value, Pid}' of what processes say, 0 of one that has ended.
valued(Pids, Item) ->
    Answers = [{{'$1', {'_', '$2'}}, [], [{{'$2', '$1'}}]}, {{'$1', '_'}, [], [{{0, '$1'}}]}],
    ets:match_spec_run(lists:zip(Pids, answers(Pids, Item)), ets:match_spec_compile(Answers)).

%% Those whose queue is not too long to be walked.
short(Pids) ->
    Answers = [{{'$1', {'_', '$2'}}, [{'=<', '$2', ?LONG_QUEUE}], ['$1']}],
    ets:match_spec_run(lists:zip(Pids, answers(Pids, message_queue_len)), ets:match_spec_compile(Answers)).

%% Those of the crowd that pass the filters, and `unread' where of some it is not known what they are. What each callback
%% that is found among them says is worked out once.
passing(Pids, #{child := Pid} = Spec) ->
    passing([Child || Child <- Pids, Child =:= Pid], maps:remove(child, Spec));
passing(_, #{status := Status}) when Status =/= running ->
    {[], []};
passing(_, #{min_restarts := _}) ->
    {[], []};
passing(Pids, Spec) when not is_map_key(pattern, Spec), not is_map_key(type, Spec) ->
    {Pids, []};
passing(Pids, Spec) ->
    Told = told_callbacks(Pids, Spec),
    Row = fun(Callback) ->
        #{id => undefined, status => running, type => type(Callback, worker), modules => modules(Callback)}
    end,
    Distinct = lists:usort(element(2, lists:unzip(Told))),
    Right = maps:from_list([{Callback, true} || Callback <- Distinct, matches(Row(Callback), Spec)]),
    Guard = [{is_map_key, '$2', {const, Right}}],
    Found = ets:match_spec_run(Told, ets:match_spec_compile([{{'$1', '$2'}, Guard, ['$1']}])),
    Names = [{{'$1', {registered_name, '$2'}}, [], [{{'$1', '$2'}}]}],
    Named = ets:match_spec_run(lists:zip(Pids, answers(Pids, registered_name)), ets:match_spec_compile(Names)),
    Callbacks = maps:from_list(hd([Told || Named =/= []] ++ [[]])),
    ByName = [Pid || {Pid, Name} <- Named, matches((Row(maps:get(Pid, Callbacks, undefined)))#{known => Name}, Spec)],
    {lists:usort(Found ++ ByName), [unread || lists:member(unread, Distinct)] ++ [deadline || lists:member(late, Distinct)]}.

%% How many rows are a root that was asked for, of all and of those that pass: rows that `total' and `matched' leave out.
roots_among(Paths, Keys, #{root := _} = Spec) ->
    Matching = [Path || {_, Path} <- Keys],
    {length(Paths) - children(Paths, Spec), length(Matching) - children(Matching, Spec)};
roots_among(_, _, _) ->
    {0, 0}.

%% How many of these rows are no root.
children(Paths, #{root := _}) -> length([Path || [_, _ | _] = Path <- Paths]);
children(Paths, _) -> length(Paths).

%% How many processes a root is linked to that is not opened, since rows have one level only.
closed(Roots, #{root := _, depth := 1} = Spec) ->
    lists:sum([length(Links) || #{type := supervisor, pid := _} = Row <- Roots, #{links := Links} <- [found(Row, Spec)]]);
closed(_, _) ->
    0.

is_filtered(Spec) -> map_size(maps:with([pattern, child, type, status, min_restarts], Spec)) > 0.

%% Where restarts sort or filter, the rows with what all supervisors tell of theirs, as far as that is known by the time
%% that is left, and `restarts'. Each is asked once, a few at a time; of the very many there may be, so many.
with_restarts(Paths, Rows, #{until := Until} = Spec) when map_get(sort, Spec) =:= restarts; is_map_key(min_restarts, Spec) ->
    Ask = fun(Path, Known) ->
        Row = map_get(Path, Known),
        Known#{Path := Row#{supervisor => with_limits(Row, Spec)}}
    end,
    Bounds = #{until => Until, pause_ms => ?ASK_PAUSE},
    Step = fun(Some, Known) -> lists:foldl(Ask, Known, Some) end,
    {Asked, _} = scan(fun(Left) -> some(?ASK_PORTION, Left) end, lists:sublist(Paths, ?ASKED), Bounds, Step, Rows),
    Told = [Count || #{supervisor := #{restarts := Count}} <- maps:values(Asked)],
    {Asked, #{restarts => {length(Told), length([Count || Count <- Told, Count > 0])}}};
with_restarts(_, Rows, _) ->
    {Rows, #{}}.

%% What is known of a supervisor, and its restarts.
with_limits(#{pid := Pid} = Row, Spec) ->
    Facts =
        case Row of
            #{supervisor := Known} -> Known;
            _ -> found(Row, Spec)
        end,
    maps:merge(Facts#{asked => true}, limits(Pid, Facts, Spec)).

%% Keys of the rows that pass the filters, as far as there is time to ask the processes for it, and `[deadline]' where there
%% was not.
keys(Rows, #{sort := Sort} = Spec) ->
    Step = fun(Some, Keys) -> [{rank(Sort, Row), Path} || {Path, Row} <- Some, matches(Row, Spec)] ++ Keys end,
    case is_map_key(pattern, Spec) orelse lists:member(Sort, [memory, message_queue]) of
        true -> scan(fun(Left) -> some(?LOOKED_AT, Left) end, Rows, halfway(Spec), Step, []);
        false -> {Step(Rows, []), []}
    end.

rank(tree, #{path := Path}) -> Path;
rank(memory, Row) -> maps:get(memory, facts(Row), 0);
rank(message_queue, Row) -> maps:get(messages, facts(Row), 0);
rank(restarts, Row) -> known_restarts(Row).

%% Less than none, where they are not known.
known_restarts(#{supervisor := #{restarts := Count}}) -> Count;
known_restarts(_) -> -1.

matches(#{type := Type, status := Status} = Row, Spec) ->
    maps:get(type, Spec, Type) =:= Type andalso maps:get(status, Spec, Status) =:= Status andalso
        known_restarts(Row) >= maps:get(min_restarts, Spec, -1) andalso
        (not is_map_key(child, Spec) orelse maps:get(pid, Row, none) =:= map_get(child, Spec)) andalso
        names(Row, maps:get(pattern, Spec, none)).

names(_, none) ->
    true;
names(#{id := Id, modules := Modules} = Row, Pattern) ->
    Name = maps:get(known, Row, maps:get(name, facts(Row), [])),
    Words = [unicode:characters_to_binary(io_lib:format("~0tp", [Id]))] ++ [atom_to_binary(Atom, utf8) || Atom <- lists:flatten([Name, Modules]), is_atom(Atom)],
    lists:any(fun(Word) -> holds(Word, Pattern) end, Words).

%% The rows at the top.
roots(#{root := Pid} = Spec) when is_pid(Pid) ->
    root(Pid, [], Spec);
roots(#{root := Name} = Spec) ->
    Atom = existing(Name),
    Tops = numbered(tops(Atom, ets:lookup(ac_tab, {application_master, Atom}), Spec), [], [], 1),
    case {whereis(Atom), Tops} of
        {Pid, _} when is_pid(Pid) -> root(Pid, Tops, Spec);
        {_, []} -> error({no_root, Atom});
        {_, _} -> Tops
    end;
roots(Spec) ->
    Masters = lists:sort(ets:match_object(ac_tab, {{application_master, '_'}, '_'})),
    numbered(lists:append([tops(Name, [Entry], Spec) || {{_, Name}, _} = Entry <- Masters]), [], [], 1).

%% A process, or where that is no supervisor, the tops of the application that has its name.
root(Pid, Tops, Spec) ->
    Names = [Name || {_, Name} <- [erlang:process_info(Pid, registered_name)]],
    {Callback, Ancestors} = origin(Pid, [], Spec#{permitted => [Pid]}),
    Parents = case Callback of unread -> starters(Pid); _ -> parent(Ancestors) end,
    IsTop = Callback =:= unread andalso lists:any(fun is_starter/1, Parents),
    IsKnown = supervises(Callback) =/= none orelse IsTop,
    Called = [Modules || not IsKnown, Tops =:= [], {supervisor, Modules} <- called(Pid, Parents, Spec)],
    case IsKnown orelse Called =/= [] of
        true ->
            Modules = hd([modules(Callback) || is_tuple(Callback)] ++ Called ++ [[]]),
            [#{path => [1], depth => 1, id => hd(Names ++ Modules ++ [undefined]), above => [], status => running,
                pid => Pid, type => supervisor, modules => Modules}];
        false when Tops =/= [] ->
            Tops;
        false when Callback =:= gone ->
            error({ended, Pid});
        false when Callback =:= unread ->
            error({unread, used(Pid)});
        false ->
            error({not_a_supervisor, Callback, erlang:process_info(Pid, current_function), application(Pid)})
    end.

%% What the supervisor that has started a process calls it, though nothing else may say so: `{Type, Modules}'.
called(Pid, Parents, Spec) ->
    [
        {Type, Modules}
     || Parent <- Parents,
        is_pid(Parent) andalso node(Parent) =:= node(),
        #{is_large := false} <- [found(#{pid => Parent, modules => []}, Spec)],
        {answer, {_, _, Children, _}} <- [asked(Parent, ?ASKED_CHILDREN, Spec)],
        {_, Child, Type, Modules, _} <- Children,
        Child =:= Pid
    ].

%% Who has started a process, or before OTP 25, where nobody tells, may have: some of those linked to it.
starters(Pid) ->
    try erlang:process_info(Pid, parent) of
        {_, Parent} when is_pid(Parent) -> [Parent];
        _ -> []
    catch
        error:badarg -> lists:sublist(lists:sort(linked(Pid)), ?STARTERS)
    end.

%% The application that a process belongs to: the one whose master leads its group.
application(Pid) ->
    Leaders = [Leader || {_, Leader} <- [erlang:process_info(Pid, group_leader)]],
    Names = [Name || Leader <- Leaders, [Name] <- ets:match(ac_tab, {{application_master, '$1'}, Leader})],
    hd(Names ++ [undefined]).

%% The processes that an application has at its top. Its master is linked to a process that has started them and is
%% linked to them.
tops(Name, [{_, Master}], Spec) when is_pid(Master) ->
    Starters = lists:filter(fun is_starter/1, linked(Master)),
    [
        {Name, Pid, type(Callback, supervisor), modules(Callback), []}
     || Starter <- Starters,
        Pid <- linked(Starter),
        Pid =/= Master,
        {Callback, Ancestors} <- [origin(Pid, [], Spec#{permitted => [Pid]})],
        Callback =:= unread orelse lists:sublist(Ancestors, 1) =:= [Starter]
    ];
tops(_, _, _) ->
    [].

%% Whether it is the process of an application master that starts what is at the top.
is_starter(Pid) -> erlang:process_info(Pid, initial_call) =:= {initial_call, {application_master, start_it, 4}}.

%% By the callback that a process tells, or else as it has to be taken.
type(unread, Presumed) ->
    Presumed;
type(Callback, _) ->
    case supervises(Callback) of
        none -> worker;
        _ -> supervisor
    end.

modules({_, _, _} = Callback) -> [Module || Module <- [module_of(Callback)], is_atom(Module)];
modules(_) -> [].

%% Local processes that a process is linked to.
linked(Pid) ->
    case erlang:process_info(Pid, links) of
        {_, Links} ->
            Pids = lists:filter(fun erlang:is_pid/1, Links),
            Here = ets:match_spec_compile([{{node(), '$1'}, [], ['$1']}]),
            ets:match_spec_run(lists:zip(lists:map(fun erlang:node/1, Pids), Pids), Here);
        undefined ->
            []
    end.

%% Rows of children, in their order.
numbered([], _, _, _) ->
    [];
numbered([{Id, Child, Type, Modules, Marks} | Children], Path, Above, At) ->
    Row = #{
        path => Path ++ [At],
        depth => length(Path) + 1,
        id => Id,
        above => Above,
        type => Type,
        modules => Modules,
        status => status(Child)
    },
    [maps:merge(Row, maps:from_list([{pid, Child} || is_pid(Child)] ++ Marks)) | numbered(Children, Path, Above, At + 1)].

status(Pid) when is_pid(Pid), node(Pid) =:= node() -> running;
status(Pid) when is_pid(Pid) -> remote;
status(Other) -> Other.

%% Level by level: all rows by their path, and why some may be missing. A process that has a row already is not opened
%% again, which also ends a circle.
walk([], Rows, Missing, _) ->
    {maps:from_list([{Path, Row} || #{path := Path} = Row <- Rows]), lists:usort(Missing)};
walk([#{type := supervisor, status := running, pid := Pid} = Row | Others], Rows, Missing, #{seen := Seen} = Spec) when
    is_map_key(Pid, Seen)
->
    walk(Others, [Row#{again => true} | Rows], Missing, Spec);
walk([#{depth := Level, type := supervisor, status := running, pid := Pid} = Row | Others], Rows, Missing, Spec) ->
    #{until := Until, depth := Depth, seen := Seen} = Spec,
    Next = Spec#{seen := Seen#{Pid => true}},
    case {Level < Depth, now_ms() < Until} of
        {true, true} ->
            {Facts, Children, Why} = visit(Row, Spec),
            walk(Others ++ Children, [Row#{supervisor => Facts} | Rows], Why ++ Missing, Next);
        {true, false} ->
            walk(Others, [Row | Rows], [deadline | Missing], Next);
        {false, _} ->
            walk(Others, [Row | Rows], [depth | Missing], Next)
    end;
walk([Row | Others], Rows, Missing, Spec) ->
    walk(Others, [Row | Rows], Missing, Spec).

%% Rows of a crowd that only links tell of, in an order that holds however many of them there are.
by_pid(Rows) -> [Row#{path := lists:droplast(Path) ++ [Pid]} || #{path := Path, pid := Pid} = Row <- Rows].

%% What a supervisor tells of its children, their rows, and why some may be missing.
visit(#{pid := Pid, path := Path, id := Id, above := Above} = Row, #{children := Most, wide := Wide} = Spec) ->
    IsWide = Wide andalso Path =:= [1],
    case found(Row, hd([Spec#{children := ?ASKED_CHILDREN} || IsWide] ++ [Spec])) of
        #{not_asked := other} = Facts when not is_map_key(callback, Facts) ->
            {Facts, [], [not_asked]};
        #{is_large := false} = Facts ->
            case asked(Pid, hd([?ASKED_CHILDREN || IsWide] ++ [Most]), Spec) of
                {answer, {Count, Alive, First, Strange}} ->
                    Pids = [Child || Child <- Alive, node(Child) =:= node()],
                    {Rows, Unread} = in_truth(numbered(First, Path, Above ++ [Id], 1), halfway(Spec)),
                    Told = Facts#{children => Count, active => length(Alive), pids => Pids, listed => length(First)},
                    {
                        maps:merge(Told, maps:from_list([{strange, Strange} || Strange > 0])),
                        Rows,
                        [many || Count > length(First)] ++ Unread ++ [strange || Strange > 0]
                    };
                too_large ->
                    %% Its state has more in it than that.
                    linked_children(Row, Facts#{is_large := true, large => map_get(heap, Facts)}, IsWide, Spec);
                Late when Late =:= late; element(1, element(2, Late)) =:= timeout ->
                    {Facts#{unanswered => true}, [], [unanswered]};
                _ ->
                    %% It has ended, which the page will tell, or has answered something else.
                    IsStrange = is_process_alive(Pid),
                    {hd([Facts#{strange => all} || IsStrange] ++ [#{}]), [], [hd([strange || IsStrange] ++ [ended])]}
            end;
        #{links := _} = Facts ->
            linked_children(Row, Facts, IsWide, Spec);
        Facts ->
            {Facts, [], [busy || is_map_key(busy, Facts)]}
    end.

%% The same where it is not asked, by its links. At the root they are all, and nothing is missing, where its state says that
%% its children are alike and have no ids, and they are workers.
linked_children(#{pid := Pid, path := Path, id := Id, above := Above}, #{links := Links} = Facts, IsWide, Spec) ->
    #{children := Most} = Spec,
    Origins = origins(lists:sublist(Links, Most), halfway(Spec)),
    First = numbered([{undefined, Child, type(It, worker), modules(It), []} || {Child, {It, _}} <- Origins], Path, Above ++ [Id], 1),
    Unread = [Child || {Child, {unread, _}} <- Origins],
    Crowd = hd([lists:nthtail(length(First), Links) || IsWide] ++ [[]]),
    Counts = #{children => length(Links), active => length(Links), listed => length(First) + length(Crowd)},
    IsMore = maps:get(is_large, Facts, Crowd =/= [] orelse length(Links) > length(First) + length(Crowd)),
    Limits = hd([(limits(Pid, Facts, Spec))#{asked => true} || IsWide] ++ [#{}]),
    IsWhole = are_alike(Limits) andalso [Row || #{type := supervisor} = Row <- First] =:= [],
    {
        maps:merge(maps:merge(Facts, Counts#{pids => Links}), maps:merge(Limits, maps:from_list([{crowd, Crowd} || IsWide]))),
        from_links(hd([by_pid(First) || IsWide] ++ [First]), Unread, Limits),
        [hd([links || IsWide] ++ [many]) || IsMore, not IsWhole] ++ [unread || Unread =/= []] ++ late(Origins) ++
            [not_asked || maps:get(not_asked, Facts, bridge) =/= bridge]
    }.

%% `{Pid, Origin}' of linked processes, `{late, []}' where time ran out.
origins(Pids, #{until := Until} = Spec) ->
    lists:map(
        fun(Pid) ->
            case now_ms() < Until of
                true -> {Pid, origin(Pid, [], Spec)};
                false -> {Pid, {late, []}}
            end
        end,
        Pids
    ).

late(Origins) -> [deadline || {_, {late, _}} <- lists:sublist(lists:reverse(Origins), 1)].

%% The same with half of the time that is left, for what must not take all of it: whoever asks waits for a page.
halfway(#{until := Until} = Spec) -> Spec#{until := now_ms() + max(0, Until - now_ms()) div 2}.

are_alike(Facts) -> maps:get(strategy, Facts, none) =:= simple_one_for_one.

%% Rows of children as they are, and `unread' where of some that is not known: who leaves out the type of a child has a
%% supervisor called a worker.
in_truth(Rows, Spec) ->
    Told = told_callbacks([Pid || #{type := worker, status := running, pid := Pid} <- Rows], Spec),
    Distinct = lists:usort(element(2, lists:unzip(Told))),
    Supervising = [Callback || Callback <- Distinct, lists:member(supervises(Callback), [supervisor, bridge])],
    Unread = [Pid || {Pid, unread} <- Told, may_supervise(Pid)],
    Missing = [unread || Unread =/= []] ++ [deadline || lists:member(late, Distinct)],
    case Supervising ++ Unread of
        [] ->
            {Rows, Missing};
        _ ->
            Known = maps:from_list(Told ++ [{Pid, unknown} || Pid <- Unread]),
            {[typed(Row, Known, Supervising) || Row <- Rows], Missing}
    end.

%% Whether one that is not known to be a supervisor may have children: it does not wait as others do, and is linked to more
%% than its parent.
may_supervise(Pid) ->
    case erlang:process_info(Pid, [current_function, links]) of
        [{_, {Module, _, _} = Current}, {_, [_, _ | _]}] ->
            lists:member(Module, [gen_server, erlang]) orelse not loops(Current);
        _ ->
            false
    end.

typed(#{type := worker, pid := Pid} = Row, Callbacks, Supervising) when is_map_key(Pid, Callbacks) ->
    Callback = map_get(Pid, Callbacks),
    case lists:member(Callback, Supervising) of
        true -> Row#{type := supervisor, called => worker};
        false -> maps:merge(Row, maps:from_list([{not_asked, unread} || Callback =:= unknown]))
    end;
typed(Row, _, _) ->
    Row.

%% Rows of children that only links tell of: what those of `Unread' are is not known, nor are their ids, if they have any.
from_links(Rows, Unread, Supervisor) ->
    Marks = [{id_is, unknown} || not are_alike(Supervisor)],
    [
        maps:merge(Row, maps:from_list(Marks ++ [{not_asked, unread} || lists:member(Pid, Unread)]))
     || #{pid := Pid} = Row <- Rows
    ].

%% Who has started one whose dictionary is not read, as far as that can be told: those above it that were visited, or the
%% process that starts what is at the top.
parents(Pid, #{seen := Seen}) ->
    try erlang:process_info(Pid, parent) of
        {_, Parent} -> [Parent];
        undefined -> []
    catch
        error:badarg -> [Starter || Starter <- starters(Pid), is_map_key(Starter, Seen) orelse is_starter(Starter)]
    end.

parent(Ancestors) ->
    [
        Parent
     || Named <- lists:sublist(Ancestors, 1),
        Parent <- [hd([whereis(Named) || is_atom(Named)] ++ [Named])]
    ].

%% A supervisor as it is found: whose it is, and to whom it is linked but its parent; or what it is busy with. Without
%% `callback' nothing is known of it.
found(#{pid := Pid} = Row, #{children := Most} = Spec) ->
    case origin(Pid, map_get(modules, Row), Spec) of
        {{supervisor, Module, _}, Ancestors} ->
            case idle(Pid, now_ms() + ?PATIENCE) of
                idle ->
                    Links = lists:sort(linked(Pid)) -- parent(Ancestors),
                    Heap = used(Pid),
                    IsSmall = length(Links) =< Most andalso may_tell(Module, Heap, length(Links)),
                    IsLarge = not (IsSmall orelse length(Links) =< Most andalso Heap =< permitted(Pid, Spec)),
                    #{callback => Module, links => Links, heap => Heap, is_large => IsLarge};
                gone ->
                    #{callback => Module};
                {waiting, 0, _} = Busy ->
                    %% In a loop of its own it would never be idle.
                    case calls_back(Pid) of
                        true -> #{callback => Module, busy => Busy};
                        false -> unlike(Pid, Module, Ancestors, other)
                    end;
                Busy ->
                    #{callback => Module, busy => Busy}
            end;
        {gone, _} ->
            #{};
        {{supervisor_bridge, Module, _}, Ancestors} ->
            unlike(Pid, Module, Ancestors, bridge);
        {{Module, _, _}, Ancestors} ->
            unlike(Pid, Module, Ancestors, other);
        {unread, _} ->
            #{not_asked => unread, links => lists:sort(linked(Pid)) -- parents(Pid, Spec), large => used(Pid)};
        {_, _} ->
            #{not_asked => other}
    end.

%% What is known of one that is not asked, since it is no supervisor of OTP's.
unlike(Pid, Module, Ancestors, Why) ->
    #{callback => Module, not_asked => Why, links => lists:sort(linked(Pid)) -- parent(Ancestors)}.

%% Whether a process that waits was called by the code of a behaviour, as far as the stack shows that goes down so far only.
calls_back(Pid) ->
    case erlang:process_info(Pid, current_stacktrace) of
        {_, Stack} -> length(Stack) >= ?SHOWN_FRAMES orelse lists:any(fun is_behaviours/1, Stack);
        undefined -> true
    end.

is_behaviours({Module, _, _, _}) -> lists:member(Module, [gen, gen_server, gen_statem, gen_event, supervisor, sys]).

%% What a row tells, read when it is on the page.
told(#{again := true} = Row, _) ->
    maps:without([path], maps:merge(Row, facts(Row)));
told(#{type := supervisor, status := running, pid := Pid} = Row, Spec) ->
    Facts =
        case Row of
            #{supervisor := Known} -> Known;
            _ -> found(Row, Spec)
        end,
    case is_map_key(callback, Facts) orelse is_map_key(links, Facts) of
        true ->
            Sums = summed(maps:get(pids, Facts, none), halfway(Spec)),
            Limits =
                case Facts of
                    #{asked := true} -> #{};
                    _ -> limits(Pid, Facts, Spec)
                end,
            Linked = maps:from_list([{active, length(Links)} || #{links := Links} <- [Facts]]),
            Asked = maps:without([pids, links, asked, crowd, heap], maps:merge(Linked, Facts)),
            Supervisor = maps:merge(maps:merge(Asked, Sums), Limits),
            Unread = maps:from_list([{not_asked, unread} || unread <- [maps:get(not_asked, Facts, none)]]),
            maps:without([path], maps:merge(maps:merge(Row#{supervisor => Supervisor}, Unread), facts(Row)));
        false ->
            Marked = maps:merge(Row, maps:with([not_asked], Facts)),
            maps:without([path, supervisor], maps:merge(Marked, facts(Row)))
    end;
told(Row, _) ->
    maps:without([path], maps:merge(Row, facts(Row))).

serves({Module, _, _}) -> lists:member(Module, [gen_server, gen_statem, gen_event]);
serves(_) -> false.

facts(#{status := running, pid := Pid}) ->
    case erlang:process_info(Pid, [registered_name, message_queue_len, current_function]) of
        [{_, Name}, {_, Messages}, {_, Current}] ->
            Memory = [erlang:process_info(Pid, memory) || Messages =< ?LONG_QUEUE],
            maps:from_list(
                [{messages, Messages}] ++ [{serves, true} || serves(Current)] ++ [{name, Name} || is_atom(Name)] ++ [{memory, Bytes} || {_, Bytes} <- Memory]
            );
        undefined ->
            #{}
    end;
facts(_) ->
    #{}.

summed(none, _) ->
    #{};
summed(Pids, Spec) ->
    {{Messages, Memory, Summed}, _} = scan(fun thousand/1, Pids, Spec, fun sum/2, {0, 0, 0}),
    Sums = #{children_messages => Messages, children_memory => Memory},
    case Summed < length(Pids) of
        true -> Sums#{summed => Summed};
        false -> Sums
    end.

%% Adds messages and bytes of memory of processes, with list BIFs: there may be very many. Long queues are not walked.
sum(Pids, {Messages, Memory, Summed}) ->
    Lengths = lists:zip(Pids, answers(Pids, message_queue_len)),
    All = [{{'_', {'_', '$1'}}, [], ['$1']}],
    Short = [{{'$1', {'_', '$2'}}, [{'=<', '$2', ?LONG_QUEUE}], ['$1']}],
    Sizes = [{{'_', '$1'}, [], ['$1']}],
    Bytes = answers(ets:match_spec_run(Lengths, ets:match_spec_compile(Short)), memory),
    {
        Messages + lists:sum(ets:match_spec_run(Lengths, ets:match_spec_compile(All))),
        Memory + lists:sum(ets:match_spec_run(Bytes, ets:match_spec_compile(Sizes))),
        Summed + length(Pids)
    }.

answers(Pids, Item) -> lists:zipwith(fun erlang:process_info/2, Pids, lists:duplicate(length(Pids), Item)).
